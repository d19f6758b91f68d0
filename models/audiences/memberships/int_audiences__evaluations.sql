{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false
) }}

-- Its rows are written with the memberships that they are about, in one transaction
-- (macros/audiences/record_evaluations.sql).

with

evaluations as (

    select
        cast(null as {{ dbt.type_string() }}) as audience_name,
        cast(null as {{ dbt.type_string() }}) as entity,
        cast(null as {{ dbt.type_string() }}) as definition_version,
        cast(null as {{ dbt.type_boolean() }}) as is_running,
        cast(null as {{ dbt.type_bigint() }}) as member_count,
        cast(null as {{ dbt.type_timestamp() }}) as evaluated_at,
        cast(null as {{ dbt.type_timestamp() }}) as recorded_at,
        cast(null as {{ dbt.type_bigint() }}) as changed_run

)

select * from evaluations
where audience_name is not null

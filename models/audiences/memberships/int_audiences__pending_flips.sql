{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false
) }}

-- Its rows are written with the memberships, in one transaction
-- (macros/audiences/record_evaluations.sql).

with

flips as (

    select
        cast(null as {{ dbt.type_string() }}) as audience_name,
        cast(null as {{ dbt.type_string() }}) as member_id,
        cast(null as {{ dbt.type_string() }}) as condition_name,
        cast(null as {{ dbt.type_boolean() }}) as is_met

)

select * from flips
where audience_name is not null

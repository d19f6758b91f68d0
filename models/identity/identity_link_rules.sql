{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false
) }}

-- Rows are written by `kenning identity link` and `kenning identity unmerge`; dbt makes the table.
select
    cast(null as {{ dbt.type_string() }}) as rule_id,
    cast(null as {{ dbt.type_string() }}) as action,
    cast(null as {{ dbt.type_string() }}) as left_type,
    cast(null as {{ dbt.type_string() }}) as left_value,
    cast(null as {{ dbt.type_string() }}) as right_type,
    cast(null as {{ dbt.type_string() }}) as right_value,
    cast(null as {{ dbt.type_string() }}) as reason,
    cast(null as {{ dbt.type_string() }}) as author,
    cast(null as {{ dbt.type_timestamp() }}) as decided_on
where false

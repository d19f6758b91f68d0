{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false
) }}

-- Rows are inserted by people and their tools; dbt makes the table.
select
    cast(null as {{ dbt.type_string() }}) as correction_id,
    cast(null as {{ dbt.type_string() }}) as identifier_type,
    cast(null as {{ dbt.type_string() }}) as identifier_value,
    cast(null as {{ dbt.type_string() }}) as field_name,
    cast(null as {{ dbt.type_string() }}) as field_value,
    cast(null as {{ dbt.type_string() }}) as reason,
    cast(null as {{ dbt.type_string() }}) as author,
    cast(null as {{ dbt.type_timestamp() }}) as decided_on
where false

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns'
) }}

with

runs as (

    select
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as run_id,
        {{ as_of() }} as as_of,
        {{ audience_conditions_fingerprint() }} as conditions_fingerprint

)

select * from runs
{% if is_incremental() %}
where run_id not in (select own_rows.run_id from {{ this }} as own_rows)
{% endif %}

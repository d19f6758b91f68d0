{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false
) }}

{% do check_last_refresh() %}

{% set previous_run %}
{% if is_incremental() %}
(select coalesce(max(own_rows.run_id), 0) from {{ this }} as own_rows)
{% else %}
0
{% endif %}
{% endset %}

with

runs as (

    {{ identity_run_row(previous_run | trim) }}

)

select * from runs

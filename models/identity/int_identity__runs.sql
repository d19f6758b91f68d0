{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

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

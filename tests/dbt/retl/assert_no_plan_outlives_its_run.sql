-- A plan holds what was to be sent, and is dropped when its run is over; `kenning sync purge`
-- drops what is left all the same.
{{ config(severity='warn', meta={'owner': 'marketing-operations@example.com'}) }}
{% set planned = syncs_with_a_plan() %}
{% if not planned %}
{{ nothing_to_test() }}
{% else %}
with

plans as (

    {% for name in planned -%}
    select '{{ name }}' as sync_name
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

open_runs as (

    select sync_name from {{ retl_table('sync_runs') }}
    where coalesce(is_open, status = 'running')

),

plans_without_a_run as (

    select plans.sync_name

    from plans
    left join open_runs on plans.sync_name = open_runs.sync_name
    where open_runs.sync_name is null

)

select * from plans_without_a_run
{% endif %}

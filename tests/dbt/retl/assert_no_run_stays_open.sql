-- A run that is not over after a day waits for somebody: to run the sync again, or to resume it.
{{ config(severity='warn', meta={'owner': 'marketing-operations@example.com'}) }}
{% set runs = retl_table('sync_runs') %}
{% if runs is none %}
{{ nothing_to_test() }}
{% else %}
with

open_for_long as (

    select
        sync_name,
        run_id,
        status,
        started_at

    from {{ runs }}
    where
        coalesce(is_open, status = 'running')
        and started_at < {{ dbt.dateadd('day', -1, as_of()) }}

)

select * from open_for_long
{% endif %}

-- No outcome is left of a run that nobody knows.
{% set outcomes = retl_table('sync_outcomes') %}
{% if outcomes is none %}
{{ nothing_to_test() }}
{% else %}
with

outcomes as (

    select * from {{ outcomes }}

),

runs as (

    select * from {{ retl_table('sync_runs') }}

),

outcomes_without_a_run as (

    select
        outcomes.sync_name,
        outcomes.run_id,
        count(*) as outcome_count

    from outcomes
    left join runs
        on
            outcomes.run_id = runs.run_id
            and outcomes.sync_name = runs.sync_name
    where runs.run_id is null
    group by outcomes.sync_name, outcomes.run_id

)

select * from outcomes_without_a_run
{% endif %}

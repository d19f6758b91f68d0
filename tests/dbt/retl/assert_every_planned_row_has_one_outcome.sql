-- What a finished run planned adds up: to its counts, and to the outcomes of its rows. Of a run
-- that is past vars.sync_retention_days, only outcomes in doubt may be left.
{% set runs = retl_table('sync_runs') %}
{% if runs is none %}
{{ nothing_to_test() }}
{% else %}
with

finished_runs as (

    select * from {{ runs }}
    where not coalesce(is_open, status = 'running')

),

outcomes as (

    select
        run_id,
        count(*) as outcome_count,
        sum(case when status <> 'in_doubt' then 1 else 0 end) as certain_count

    from {{ retl_table('sync_outcomes') }}
    group by run_id

),

-- One row per run: outcomes are counted by it.
counted as (

    select
        finished_runs.sync_name,
        finished_runs.run_id,
        coalesce(finished_runs.planned_count, 0) as planned_count,
        coalesce(finished_runs.added_count, 0)
        + coalesce(finished_runs.changed_count, 0)
        + coalesce(finished_runs.removed_count, 0)
        + coalesce(finished_runs.rejected_count, 0)
        + coalesce(finished_runs.in_doubt_count, 0)
        + coalesce(finished_runs.cancelled_count, 0) as told_count,
        outcomes.outcome_count,
        coalesce(outcomes.certain_count, 0) as certain_count

    from finished_runs
    left join outcomes on finished_runs.run_id = outcomes.run_id

),

runs_that_do_not_add_up as (

    select * from counted
    where
        planned_count <> told_count
        or (certain_count > 0 and outcome_count <> planned_count)

)

select * from runs_that_do_not_add_up
{% endif %}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['run_id', 'from_node_id', 'into_node_id'],
    full_refresh=false
) }}

{% set last_run = last_own_run('run_id') %}

with

moving_runs as (

    select distinct history.valid_to_run as run_id
    from {{ ref('int_identity__assignment_history') }} as history
    where history.valid_to_run > {{ last_run }}

),

written_runs as (

    select distinct history.changed_run as run_id
    from {{ ref('int_identity__assignment_history') }} as history

),

-- What changed since the run before is what a run saw: a run that broke off leaves its changes to
-- the next.
marks as (

    select
        moving_runs.run_id,
        coalesce(max(written_runs.run_id), 0) as previous_run

    from moving_runs
    left join written_runs on moving_runs.run_id > written_runs.run_id
    group by moving_runs.run_id

),

-- Identifiers that bear another name since a run. Those that merge nobody are no sign of a
-- customer.
moved as (

    select
        ended.valid_to_run as run_id,
        ended.valid_to as moved_at,
        marks.previous_run,
        ended.node_id,
        ended.anchor_node_id as from_node_id,
        begun.anchor_node_id as into_node_id

    from {{ ref('int_identity__assignment_history') }} as ended
    inner join marks on ended.valid_to_run = marks.run_id
    inner join {{ ref('int_identity__assignment_history') }} as begun
        on
            ended.node_id = begun.node_id
            and ended.valid_to_run = begun.valid_from_run
            and ended.is_shared = begun.is_shared
    where
        ended.valid_to_run > {{ last_run }}
        and ended.anchor_node_id <> begun.anchor_node_id
        and not ended.is_shared

),

-- A name that somebody bears after the run was not given up in it.
living as (

    select distinct
        moved.run_id,
        moved.from_node_id

    from moved
    inner join {{ ref('int_identity__assignment_history') }} as history
        on
            moved.from_node_id = history.anchor_node_id
            and moved.run_id >= history.valid_from_run
            and (history.valid_to_run is null or moved.run_id < history.valid_to_run)
    where not history.is_shared

),

targets as (

    select
        moved.run_id,
        moved.from_node_id,
        count(distinct moved.into_node_id) as target_count

    from moved
    group by
        moved.run_id,
        moved.from_node_id

),

moves as (

    select
        moved.run_id,
        moved.from_node_id,
        moved.into_node_id,
        min(moved.moved_at) as moved_at,
        min(moved.previous_run) as previous_run,
        count(*) as identifier_count,
        min(living.from_node_id) is null and min(targets.target_count) = 1 as is_merge

    from moved
    inner join targets
        on
            moved.run_id = targets.run_id
            and moved.from_node_id = targets.from_node_id
    left join living
        on
            moved.run_id = living.run_id
            and moved.from_node_id = living.from_node_id
    group by
        moved.run_id,
        moved.from_node_id,
        moved.into_node_id

),

-- What came in that run between somebody who moved and somebody who was there.
joining_links as (

    select
        moved.run_id,
        moved.from_node_id,
        moved.into_node_id,
        links.centre_node_id,
        links.node_id,
        links.fingerprint,
        cast(null as {{ dbt.type_string() }}) as rule_id

    from moved
    inner join {{ ref('int_identity__links') }} as links on moved.node_id = links.centre_node_id
    where
        links.changed_run > {{ last_run }}
        and links.changed_run > moved.previous_run
        and links.changed_run <= moved.run_id
        and links.is_merging

    union all

    select
        moved.run_id,
        moved.from_node_id,
        moved.into_node_id,
        links.centre_node_id,
        links.node_id,
        links.fingerprint,
        cast(null as {{ dbt.type_string() }}) as rule_id

    from moved
    inner join {{ ref('int_identity__links') }} as links on moved.node_id = links.node_id
    where
        links.changed_run > {{ last_run }}
        and links.changed_run > moved.previous_run
        and links.changed_run <= moved.run_id
        and links.is_merging

    union all

    select
        moved.run_id,
        moved.from_node_id,
        moved.into_node_id,
        overrides.left_node_id as centre_node_id,
        overrides.right_node_id as node_id,
        null as fingerprint,
        overrides.rule_id

    from moved
    inner join {{ ref('int_identity__overrides') }} as overrides
        on moved.node_id in (overrides.left_node_id, overrides.right_node_id)
    where
        overrides.changed_run > moved.previous_run
        and overrides.changed_run <= moved.run_id
        and overrides.is_current
        and overrides.action = 'link'

),

-- A link rule before a record, a link across before one inside, the oldest first.
ranked_links as (

    select
        joining_links.*,
        row_number() over (
            partition by
                joining_links.run_id, joining_links.from_node_id, joining_links.into_node_id
            order by
                case when joining_links.rule_id is null then 1 else 0 end,
                case
                    when
                        centres.anchor_node_id is distinct from joining_links.from_node_id
                        or leaves.anchor_node_id is distinct from joining_links.from_node_id
                        then 0
                    else 1
                end,
                joining_links.centre_node_id,
                joining_links.node_id,
                joining_links.fingerprint
        ) as link_index

    from joining_links
    left join {{ ref('int_identity__assignment_history') }} as centres
        on
            joining_links.centre_node_id = centres.node_id
            and joining_links.run_id = centres.valid_to_run
    left join {{ ref('int_identity__assignment_history') }} as leaves
        on
            joining_links.node_id = leaves.node_id
            and joining_links.run_id = leaves.valid_to_run

),

left_names as (

    select distinct
        moves.run_id,
        moves.previous_run,
        moves.from_node_id

    from moves

),

-- What happened in that run to those who bore the name before.
former as (

    select
        left_names.run_id,
        left_names.previous_run,
        left_names.from_node_id,
        history.node_id

    from left_names
    inner join {{ ref('int_identity__assignment_history') }} as history
        on
            left_names.from_node_id = history.anchor_node_id
            and left_names.run_id > history.valid_from_run
            and (history.valid_to_run is null or left_names.run_id <= history.valid_to_run)

),

happenings as (

    select
        former.run_id,
        former.from_node_id,
        max(case when never_links.rule_id is not null then 1 else 0 end) as has_never_link,
        max(case when lifted_links.rule_id is not null then 1 else 0 end) as has_lifted_link,
        max(
            case
                when
                    nodes.status = 'blocked'
                    and nodes.status_changed_run > former.previous_run
                    then 1
                else 0
            end
        ) as has_blocked,
        max(
            case
                when
                    nodes.status = 'shared'
                    and nodes.status_changed_run > former.previous_run
                    then 1
                else 0
            end
        ) as has_shared,
        max(
            case
                when
                    nodes.status = 'attached'
                    and nodes.status_changed_run > former.previous_run
                    then 1
                else 0
            end
        ) as has_attached,
        max(case when repairs.changed_run > former.previous_run then 1 else 0 end) as has_repair,
        -- the anchor is somebody's again, and was nobody's in the run before
        max(
            case
                when
                    returned.node_id is not null
                    and left_behind.node_id is null
                    then 1
                else 0
            end
        ) as has_returned

    from former
    inner join {{ ref('int_identity__nodes') }} as nodes on former.node_id = nodes.node_id
    left join {{ ref('int_identity__repairs') }} as repairs
        on
            former.node_id = repairs.node_id
            and repairs.component_id <> repairs.repaired_component_id
    left join {{ ref('int_identity__overrides') }} as never_links
        on
            former.node_id = never_links.left_node_id
            and former.previous_run < never_links.changed_run
            and never_links.action = 'never_link'
            and never_links.is_current
    left join {{ ref('int_identity__overrides') }} as lifted_links
        on
            former.node_id = lifted_links.left_node_id
            and former.previous_run < lifted_links.changed_run
            and lifted_links.action = 'link'
            and not lifted_links.is_current
    left join {{ ref('int_identity__assignment_history') }} as returned
        on
            former.from_node_id = returned.node_id
            and former.run_id = returned.valid_from_run
    left join {{ ref('int_identity__assignment_history') }} as left_behind
        on
            former.from_node_id = left_behind.node_id
            and former.run_id = left_behind.valid_to_run
    group by
        former.run_id,
        former.from_node_id

),

caused as (

    select
        moves.run_id,
        moves.from_node_id,
        moves.into_node_id,
        moves.moved_at,
        moves.identifier_count,
        moves.is_merge,
        case
            when coalesce(runs.is_full_refresh, false) then 'full_refresh'
            when moves.is_merge and ranked_links.rule_id is not null then 'link'
            when moves.is_merge and ranked_links.node_id is not null then 'record'
            when moves.is_merge then 'rule_change'
            when happenings.has_never_link = 1 then 'never_link'
            when happenings.has_lifted_link = 1 then 'link_lifted'
            when happenings.has_blocked = 1 then 'blocked'
            when happenings.has_shared = 1 then 'max_linked'
            when happenings.has_attached = 1 then 'attach_only'
            when happenings.has_repair = 1 then 'limit'
            when happenings.has_returned = 1 then 'name_returned'
            else 'source_row_gone'
        end as cause,
        case
            when moves.is_merge and not coalesce(runs.is_full_refresh, false)
                then ranked_links.centre_node_id
        end as left_node_id,
        case
            when moves.is_merge and not coalesce(runs.is_full_refresh, false)
                then ranked_links.node_id
        end as right_node_id,
        case
            when not moves.is_merge or coalesce(runs.is_full_refresh, false) then null
            when ranked_links.rule_id is not null then 'link_rules'
            else records.source_model
        end as source_model,
        case
            when moves.is_merge and not coalesce(runs.is_full_refresh, false)
                then coalesce(records.record_key, ranked_links.rule_id)
        end as record_key

    from moves
    -- a full refresh marks every row as its own, so it cannot tell what was new
    left join {{ ref('int_identity__runs') }} as runs on moves.run_id = runs.run_id
    left join ranked_links
        on
            moves.run_id = ranked_links.run_id
            and moves.from_node_id = ranked_links.from_node_id
            and moves.into_node_id = ranked_links.into_node_id
            and ranked_links.link_index = 1
    left join {{ ref('int_identity__records') }} as records
        on ranked_links.fingerprint = records.fingerprint
    left join happenings
        on
            moves.run_id = happenings.run_id
            and moves.from_node_id = happenings.from_node_id

)

select * from caused

{{ config(materialized='view') }}

with recursive

history as (

    select * from {{ ref('int_identity__assignment_history') }}

),

registry as (

    select * from {{ ref('int_identity__registry') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

moves as (

    select * from {{ ref('int_identity__moves') }}

),

names as (

    select
        history.anchor_node_id,
        min(history.valid_from_run) as first_run,
        max(coalesce(history.valid_to_run, history.valid_from_run)) as last_run,
        max(case when history.valid_to_run is null then 1 else 0 end) = 1 as is_borne

    from history
    group by history.anchor_node_id

),

-- Where they are now who bore a name last: everybody, and how many of them.
last_bearers as (

    select
        history.anchor_node_id,
        history.node_id

    from history
    inner join names
        on
            history.anchor_node_id = names.anchor_node_id
            and history.valid_to_run = names.last_run
    where not names.is_borne

),

successors as (

    select
        last_bearers.anchor_node_id,
        present.anchor_node_id as successor_node_id,
        row_number() over (
            partition by last_bearers.anchor_node_id
            order by
                max(
                    case
                        when last_bearers.node_id = last_bearers.anchor_node_id then 1
                        else 0
                    end
                ) desc,
                count(*) desc,
                present.anchor_node_id
        ) as successor_index

    from last_bearers
    inner join history as present
        on
            last_bearers.node_id = present.node_id
            and present.valid_to_run is null
    group by
        last_bearers.anchor_node_id,
        present.anchor_node_id

),

-- Of a name whose last bearers are all gone, what it was merged into, on to a name that still
-- counts.
followed as (

    select
        names.anchor_node_id,
        names.anchor_node_id as reached_node_id,
        names.last_run

    from names
    left join successors on names.anchor_node_id = successors.anchor_node_id
    where
        not names.is_borne
        and successors.anchor_node_id is null

    union

    select
        followed.anchor_node_id,
        moves.into_node_id as reached_node_id,
        reached.last_run

    from followed
    inner join moves
        on
            followed.reached_node_id = moves.from_node_id
            and followed.last_run = moves.run_id
            and moves.is_merge
    inner join names as reached on moves.into_node_id = reached.anchor_node_id

),

present_names as (

    select
        names.anchor_node_id,
        names.anchor_node_id as current_node_id

    from names
    where names.is_borne

    union all

    select
        successors.anchor_node_id,
        successors.successor_node_id as current_node_id

    from successors
    where successors.successor_index = 1

    union all

    select
        followed.anchor_node_id,
        min(coalesce(successors.successor_node_id, reached.anchor_node_id)) as current_node_id

    from followed
    inner join names as reached on followed.reached_node_id = reached.anchor_node_id
    left join successors
        on
            followed.reached_node_id = successors.anchor_node_id
            and successors.successor_index = 1
    where
        reached.is_borne
        or successors.anchor_node_id is not null
    group by followed.anchor_node_id

),

customer_ids as (

    select
        -- customer
        anchors.entity_id as customer_id,
        current_anchors.entity_id as current_customer_id,
        case
            when names.is_borne then 'active'
            when current_anchors.entity_id is not null then 'merged'
            else 'retired'
        end as status,

        -- time
        cast(names.first_run as {{ dbt.type_bigint() }}) as first_run,
        cast(case when not names.is_borne then names.last_run end as {{ dbt.type_bigint() }})
            as last_run

    from names
    inner join nodes
        on
            names.anchor_node_id = nodes.node_id
            and nodes.entity = 'customer'
    inner join registry as anchors on names.anchor_node_id = anchors.node_id
    left join present_names on names.anchor_node_id = present_names.anchor_node_id
    left join registry as current_anchors
        on present_names.current_node_id = current_anchors.node_id

)

select * from customer_ids

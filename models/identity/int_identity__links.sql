with

observations as (

    select * from {{ ref('int_identity__observations') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

shared_identifiers as (

    select * from {{ ref('int_identity__shared_identifiers') }}

),

usable_observations as (

    select
        observations.source_model,
        observations.record_key,
        observations.first_seen_at,
        observations.last_seen_at,
        observations.record_count,
        nodes.node_id,
        nodes.priority,
        shared_identifiers.node_id is not null as is_shared

    from observations
    inner join nodes
        on
            observations.identifier_type = nodes.identifier_type
            and observations.identifier_value = nodes.identifier_value
    left join shared_identifiers on nodes.node_id = shared_identifiers.node_id

),

-- The strongest identifier of a record that belongs to one person is the centre of its star.
centred as (

    select
        usable_observations.*,
        first_value(usable_observations.node_id) over (
            partition by usable_observations.source_model, usable_observations.record_key
            order by
                case when usable_observations.is_shared then 1 else 0 end,
                usable_observations.priority,
                usable_observations.node_id
            rows between unbounded preceding and unbounded following
        ) as centre_node_id

    from usable_observations

),

links as (

    select
        centred.centre_node_id,
        centred.node_id,
        centred.source_model,
        max(case when centred.is_shared then 1 else 0 end) = 1 as is_suppressed,
        {{ earliest_by('centred.record_key', 'centred.first_seen_at', 'centred.record_key') }}
            as record_key,
        min(centred.first_seen_at) as first_seen_at,
        max(centred.last_seen_at) as last_seen_at,
        sum(centred.record_count) as record_count

    from centred
    where centred.centre_node_id <> centred.node_id
    group by
        centred.centre_node_id,
        centred.node_id,
        centred.source_model

)

select * from links

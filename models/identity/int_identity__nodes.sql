with

observations as (

    select * from {{ ref('int_identity__observations') }}

),

blocked as (

    select * from {{ ref('identity_blocked') }}

),

identifiers as (

    select
        observations.identifier_type,
        observations.identifier_value,
        {{ identifier_priority('observations.identifier_type') }} as priority,
        min(observations.first_seen_at) as first_seen_at,
        max(observations.last_seen_at) as last_seen_at,
        sum(observations.record_count) as record_count

    from observations
    left join blocked
        on
            observations.identifier_type = blocked.identifier_type
            and observations.identifier_value = blocked.identifier_value
    where blocked.identifier_value is null
    group by
        observations.identifier_type,
        observations.identifier_value

),

-- Numbered in the order first seen, so that the smallest number of a component is its oldest
-- identifier.
nodes as (

    select
        row_number() over (
            order by
                case when identifiers.first_seen_at is null then 1 else 0 end,
                identifiers.first_seen_at,
                identifiers.priority,
                identifiers.identifier_type,
                identifiers.identifier_value
        ) as node_id,
        identifiers.identifier_type,
        identifiers.identifier_value,
        identifiers.priority,
        identifiers.first_seen_at,
        identifiers.last_seen_at,
        identifiers.record_count

    from identifiers

)

select * from nodes

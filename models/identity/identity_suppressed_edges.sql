{{ config(materialized='view') }}

with

links as (

    select * from {{ ref('int_identity__links') }}

),

observations as (

    select * from {{ ref('int_identity__observations') }}

),

records as (

    select * from {{ ref('int_identity__records') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

repairs as (

    select * from {{ ref('int_identity__repairs') }}

),

assignments as (

    select * from {{ ref('int_identity__assignments') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

registry as (

    select * from {{ ref('int_identity__registry') }}

),

identifier_types as (

    {{ identifier_type_rows() }}

),

suppressed as (

    select
        links.centre_node_id,
        links.node_id,
        records.source_model,
        {{ earliest_by('records.record_key', 'observations.first_seen_at', 'records.record_key') }}
            as record_key,
        sum(observations.record_count) as record_count,
        min(observations.first_seen_at) as first_seen_at,
        max(observations.last_seen_at) as last_seen_at

    from links
    inner join assignments as centres on links.centre_node_id = centres.node_id
    inner join assignments as leaves on links.node_id = leaves.node_id
    inner join observations
        on
            links.fingerprint = observations.fingerprint
            and links.node_id = observations.node_id
    inner join records on links.fingerprint = records.fingerprint
    where
        links.is_current
        and (
            not links.is_merging
            or centres.is_shared
            or leaves.is_shared
            or centres.component_id <> leaves.component_id
        )
    group by
        links.centre_node_id,
        links.node_id,
        records.source_model

),

-- The limit that the two sides of a refused edge would break together, the strongest type first.
side_counts as (

    select
        assignments.component_id,
        nodes.type_rank,
        count(*) as identifier_count

    from assignments
    inner join repairs on assignments.node_id = repairs.node_id
    inner join nodes on assignments.node_id = nodes.node_id
    inner join identifier_types on nodes.type_rank = identifier_types.type_rank
    where
        not assignments.is_shared
        and identifier_types.type_limit is not null
    group by
        assignments.component_id,
        nodes.type_rank

),

sides as (

    select distinct
        suppressed.centre_node_id,
        suppressed.node_id,
        centres.component_id as left_component_id,
        leaves.component_id as right_component_id

    from suppressed
    inner join assignments as centres on suppressed.centre_node_id = centres.node_id
    inner join assignments as leaves on suppressed.node_id = leaves.node_id
    where
        not centres.is_shared
        and not leaves.is_shared

),

broken_limits as (

    select
        sides.centre_node_id,
        sides.node_id,
        identifier_types.identifier_type as linked_type,
        identifier_types.type_limit as linked_limit,
        coalesce(lefts.identifier_count, 0) + coalesce(rights.identifier_count, 0) as linked_count,
        row_number() over (
            partition by sides.centre_node_id, sides.node_id
            order by
                case
                    when
                        coalesce(lefts.identifier_count, 0) + coalesce(rights.identifier_count, 0)
                        > identifier_types.type_limit
                        then 0
                    else 1
                end,
                identifier_types.type_rank
        ) as limit_index

    from sides
    cross join identifier_types
    left join side_counts as lefts
        on
            sides.left_component_id = lefts.component_id
            and identifier_types.type_rank = lefts.type_rank
    left join side_counts as rights
        on
            sides.right_component_id = rights.component_id
            and identifier_types.type_rank = rights.type_rank
    where identifier_types.type_limit is not null

),

parted as (

    select distinct
        sides.centre_node_id,
        sides.node_id

    from sides
    inner join overrides
        on
            overrides.action = 'never_link'
            and overrides.is_current
    inner join assignments as lefts on overrides.left_node_id = lefts.node_id
    inner join assignments as rights on overrides.right_node_id = rights.node_id
    where
        (
            lefts.component_id = sides.left_component_id
            and rights.component_id = sides.right_component_id
        )
        or (
            lefts.component_id = sides.right_component_id
            and rights.component_id = sides.left_component_id
        )

),

-- Identifiers that merge nobody, and why.
unmerging as (

    select
        nodes.node_id,
        case
            when nodes.status = 'shared' then 'max_linked'
            when nodes.status = 'attached' then 'attach_only'
            else repairs.rule_name
        end as rule_name,
        case
            when nodes.status = 'shared' then nodes.shared_linked_type
            when nodes.status <> 'attached' then repairs.linked_type
        end as linked_type,
        case
            when nodes.status = 'shared' then nodes.shared_limit
            when nodes.status <> 'attached' then repairs.linked_limit
        end as linked_limit,
        case
            when nodes.status = 'shared' then nodes.shared_count
            when nodes.status <> 'attached' then repairs.linked_count
        end as linked_count

    from nodes
    left join repairs on nodes.node_id = repairs.node_id
    where
        nodes.status in ('shared', 'attached')
        or repairs.is_demoted

),

-- Of an edge with two ends that merge nobody, the weaker end says why.
telling_ends as (

    select
        suppressed.centre_node_id,
        suppressed.node_id,
        suppressed.source_model,
        coalesce(leaves.node_id, centres.node_id) as telling_node_id

    from suppressed
    left join unmerging as leaves on suppressed.node_id = leaves.node_id
    left join unmerging as centres on suppressed.centre_node_id = centres.node_id

),

suppressed_edges as (

    select
        -- ends
        centres.identifier_type as left_identifier_type,
        centres.identifier_value as left_identifier_value,
        leaves.identifier_type as right_identifier_type,
        leaves.identifier_value as right_identifier_value,

        -- rule
        case
            when unmerging.node_id is not null then unmerging.rule_name
            when parted.node_id is not null then 'never_link'
            else 'limit'
        end as rule_name,
        coalesce(unmerging.linked_type, broken_limits.linked_type) as linked_type,
        cast(
            coalesce(unmerging.linked_limit, broken_limits.linked_limit)
            as {{ dbt.type_bigint() }}
        ) as linked_limit,
        cast(
            coalesce(unmerging.linked_count, broken_limits.linked_count)
            as {{ dbt.type_bigint() }}
        ) as linked_count,

        -- evidence
        suppressed.source_model,
        suppressed.record_key,
        cast(suppressed.record_count as {{ dbt.type_bigint() }}) as record_count,
        suppressed.first_seen_at,
        suppressed.last_seen_at

    from suppressed
    inner join registry as centres on suppressed.centre_node_id = centres.node_id
    inner join registry as leaves on suppressed.node_id = leaves.node_id
    inner join telling_ends
        on
            suppressed.centre_node_id = telling_ends.centre_node_id
            and suppressed.node_id = telling_ends.node_id
            and suppressed.source_model = telling_ends.source_model
    left join unmerging on telling_ends.telling_node_id = unmerging.node_id
    left join parted
        on
            suppressed.centre_node_id = parted.centre_node_id
            and suppressed.node_id = parted.node_id
    left join broken_limits
        on
            suppressed.centre_node_id = broken_limits.centre_node_id
            and suppressed.node_id = broken_limits.node_id
            and broken_limits.limit_index = 1
            and unmerging.node_id is null
            and parted.node_id is null

)

select * from suppressed_edges

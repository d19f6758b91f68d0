with

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

links as (

    select * from {{ ref('int_identity__links') }}

),

components as (

    select * from {{ ref('int_identity__components') }}

),

shared_identifiers as (

    select * from {{ ref('int_identity__shared_identifiers') }}

),

-- A shared identifier merges nobody; it is listed with the customer it was seen with most.
attachments as (

    select
        links.node_id,
        coalesce(components.component_id, links.centre_node_id) as component_id,
        row_number() over (
            partition by links.node_id
            order by
                sum(links.record_count) desc,
                coalesce(components.component_id, links.centre_node_id)
        ) as attachment_index

    from links
    left join components on links.centre_node_id = components.node_id
    left join shared_identifiers as shared_centres on links.centre_node_id = shared_centres.node_id
    where
        links.is_suppressed
        and shared_centres.node_id is null
    group by
        links.node_id,
        coalesce(components.component_id, links.centre_node_id)

),

assigned as (

    select
        nodes.node_id,
        nodes.identifier_type,
        nodes.identifier_value,
        nodes.first_seen_at,
        nodes.last_seen_at,
        nodes.record_count,
        shared_identifiers.node_id is not null as is_shared,
        coalesce(components.component_id, attachments.component_id, nodes.node_id) as component_id

    from nodes
    left join components on nodes.node_id = components.node_id
    left join shared_identifiers on nodes.node_id = shared_identifiers.node_id
    left join attachments
        on
            nodes.node_id = attachments.node_id
            and attachments.attachment_index = 1

),

-- A customer is named after its oldest identifier.
named as (

    select
        -- identifier
        assigned.identifier_type,
        assigned.identifier_value,

        -- customer
        {{ customer_id_of('anchors.identifier_type', 'anchors.identifier_value') }} as customer_id,
        assigned.is_shared,

        -- evidence
        cast(assigned.record_count as {{ dbt.type_bigint() }}) as record_count,
        assigned.first_seen_at,
        assigned.last_seen_at

    from assigned
    inner join nodes as anchors on assigned.component_id = anchors.node_id

)

select * from named

with

links as (

    select * from {{ ref('int_identity__links') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

edges as (

    select
        -- ends
        centres.identifier_type as left_identifier_type,
        centres.identifier_value as left_identifier_value,
        leaves.identifier_type as right_identifier_type,
        leaves.identifier_value as right_identifier_value,

        -- evidence
        links.source_model,
        links.record_key,
        cast(links.record_count as {{ dbt.type_bigint() }}) as record_count,
        links.first_seen_at,
        links.last_seen_at

    from links
    inner join nodes as centres on links.centre_node_id = centres.node_id
    inner join nodes as leaves on links.node_id = leaves.node_id
    where not links.is_suppressed

)

select * from edges

with

links as (

    select * from {{ ref('int_identity__links') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

shared_identifiers as (

    select * from {{ ref('int_identity__shared_identifiers') }}

),

suppressed_edges as (

    select
        -- ends
        centres.identifier_type as left_identifier_type,
        centres.identifier_value as left_identifier_value,
        leaves.identifier_type as right_identifier_type,
        leaves.identifier_value as right_identifier_value,

        -- rule: the right identifier is shared
        cast('max_linked' as {{ dbt.type_string() }}) as rule_name,
        shared_identifiers.linked_type,
        cast(shared_identifiers.linked_limit as {{ dbt.type_bigint() }}) as linked_limit,
        cast(shared_identifiers.linked_count as {{ dbt.type_bigint() }}) as linked_count,

        -- evidence
        links.source_model,
        links.record_key,
        cast(links.record_count as {{ dbt.type_bigint() }}) as record_count,
        links.first_seen_at,
        links.last_seen_at

    from links
    inner join nodes as centres on links.centre_node_id = centres.node_id
    inner join nodes as leaves on links.node_id = leaves.node_id
    inner join shared_identifiers on links.node_id = shared_identifiers.node_id
    where links.is_suppressed

)

select * from suppressed_edges

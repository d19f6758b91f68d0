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


assignments as (

    select * from {{ ref('int_identity__assignments') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

registry as (

    select * from {{ ref('int_identity__registry') }}

),

-- The links that hold: both ends merge, and they are one customer.
holding as (

    select
        links.centre_node_id,
        links.node_id,
        'record' as rule_name,
        records.source_model,
        {{ earliest_by('records.record_key', 'observations.first_seen_at', 'records.record_key') }}
            as record_key,
        sum(observations.record_count) as record_count,
        min(observations.first_seen_at) as first_seen_at,
        max(observations.last_seen_at) as last_seen_at

    from links
    inner join assignments as centres
        on
            links.centre_node_id = centres.node_id
            and not centres.is_shared
    inner join assignments as leaves
        on
            links.node_id = leaves.node_id
            and not leaves.is_shared
            and centres.component_id = leaves.component_id
    inner join observations
        on
            links.fingerprint = observations.fingerprint
            and links.node_id = observations.node_id
    inner join records on links.fingerprint = records.fingerprint
    where
        links.is_current
        and links.is_merging
    group by
        links.centre_node_id,
        links.node_id,
        records.source_model

    union all

    select
        overrides.left_node_id as centre_node_id,
        overrides.right_node_id as node_id,
        'link' as rule_name,
        'link_rules' as source_model,
        overrides.rule_id as record_key,
        1 as record_count,
        null as first_seen_at,
        null as last_seen_at

    from overrides
    where
        overrides.action = 'link'
        and overrides.is_current

),

edges as (

    select
        -- ends
        centres.identifier_type as left_identifier_type,
        centres.identifier_value as left_identifier_value,
        leaves.identifier_type as right_identifier_type,
        leaves.identifier_value as right_identifier_value,

        -- evidence
        holding.rule_name,
        holding.source_model,
        holding.record_key,
        cast(holding.record_count as {{ dbt.type_bigint() }}) as record_count,
        holding.first_seen_at,
        holding.last_seen_at

    from holding
    inner join registry as centres on holding.centre_node_id = centres.node_id
    inner join registry as leaves on holding.node_id = leaves.node_id

)

select * from edges

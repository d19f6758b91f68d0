{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['identifier_type', 'identifier_value'],
    on_schema_change='fail',
    meta={'removed_when': 'customer_id is null'}
) }}

{# In a later run, one that is gone from the map is a row without a customer. #}
{% set join_kind = 'left' if is_incremental() else 'inner' %}
{% set last_run = last_own_run() %}

with

{% if is_incremental() %}
touched as (

    select assignments.node_id
    from {{ ref('int_identity__assignments') }} as assignments
    where assignments.changed_run > {{ last_run }}

    union

    select nodes.node_id
    from {{ ref('int_identity__nodes') }} as nodes
    where nodes.changed_run > {{ last_run }}

),
{% endif %}

identity_map as (

    select
        -- identifier
        registry.identifier_type,
        registry.identifier_value,

        -- customer
        anchors.entity_id as customer_id,
        assignments.is_shared,

        -- evidence
        cast(nodes.record_count as {{ dbt.type_bigint() }}) as record_count,
        nodes.first_seen_at,
        nodes.last_seen_at,
        cast(
            case
                when assignments.changed_run > nodes.changed_run then assignments.changed_run
                else nodes.changed_run
            end as {{ dbt.type_bigint() }}
        ) as changed_run

    from {{ ref('int_identity__assignments') }} as assignments
    {% if is_incremental() %}
    inner join touched on assignments.node_id = touched.node_id
    {% endif %}
    inner join {{ ref('int_identity__nodes') }} as nodes on assignments.node_id = nodes.node_id
    inner join {{ ref('int_identity__registry') }} as registry
        on assignments.node_id = registry.node_id
    {{ join_kind }} join {{ ref('int_identity__registry') }} as anchors
        on assignments.anchor_node_id = anchors.node_id
    where nodes.entity = 'customer'

)

select * from identity_map

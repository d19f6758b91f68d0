-- depends_on: {{ ref('int_identity__assignment_history') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='fail',
    meta={'removed_when': 'identifier_count = 0'}
) }}

{% set last_run = last_own_run() %}

with

identifier_types as (

    {{ identifier_type_rows() }}

),

{% if is_incremental() %}
-- Customers that won, lost or saw an identifier, or a link.
touched as (

    select assignments.anchor_node_id
    from {{ ref('int_identity__assignments') }} as assignments
    where
        assignments.changed_run > {{ last_run }}
        or {{ rules_changed('cluster_rules') }}

    union

    select history.anchor_node_id
    from {{ ref('int_identity__assignment_history') }} as history
    where history.changed_run > {{ last_run }}

    union

    select assignments.anchor_node_id
    from {{ ref('int_identity__assignments') }} as assignments
    inner join {{ ref('int_identity__nodes') }} as nodes on assignments.node_id = nodes.node_id
    where nodes.changed_run > {{ last_run }}

    union

    select edge_counts.anchor_node_id
    from {{ ref('int_identity__edge_counts') }} as edge_counts
    where edge_counts.changed_run > {{ last_run }}

),
{% endif %}

members as (

    select
        assignments.anchor_node_id,
        assignments.is_shared,
        nodes.type_rank,
        nodes.first_seen_at,
        nodes.last_seen_at

    from {{ ref('int_identity__assignments') }} as assignments
    inner join {{ ref('int_identity__nodes') }} as nodes on assignments.node_id = nodes.node_id
    {% if is_incremental() %}
    inner join touched on assignments.anchor_node_id = touched.anchor_node_id
    {% endif %}
    where nodes.entity = 'customer'

),

type_counts as (

    select
        members.anchor_node_id,
        members.type_rank,
        count(*) as identifier_count,
        sum(case when members.is_shared then 1 else 0 end) as shared_count,
        min(members.first_seen_at) as first_seen_at,
        max(members.last_seen_at) as last_seen_at

    from members
    group by
        members.anchor_node_id,
        members.type_rank

),

sizes as (

    select
        type_counts.anchor_node_id,
        sum(type_counts.identifier_count) as identifier_count,
        sum(type_counts.shared_count) as shared_identifier_count,
        -- type by type: to sort texts within each customer takes longer than all the rest
        trim(
            {% for type in identifier_type_entries() %}
            coalesce(
                '{{ type.type }}:'
                || cast(
                    sum(
                        case
                            when type_counts.type_rank = {{ type.rank }}
                                then type_counts.identifier_count
                        end
                    ) as {{ dbt.type_string() }}
                ) || ' ',
                ''
            ){{ ' ||' if not loop.last }}
            {% endfor %}
        ) as identifiers_per_type,
        {% for type in ['user_id', 'loyalty_id', 'email', 'phone'] %}
        sum(
            case
                when identifier_types.identifier_type = '{{ type }}'
                    then type_counts.identifier_count
                else 0
            end
        ) as {{ type | replace('_id', '') }}_count,
        {% endfor %}
        sum(
            case
                when identifier_types.identifier_type in ('device_id', 'anonymous_id')
                    then type_counts.identifier_count
                else 0
            end
        ) as device_count,
        max(
            case
                when
                    type_counts.identifier_count - type_counts.shared_count
                    > identifier_types.type_limit
                    and identifier_types.limit_days is null
                    then 1
                else 0
            end
        ) as is_over_limit,
        -- how near the fullest type is to its limit, from 0 to 1
        max(
            case
                when identifier_types.type_limit > 1
                    then
                        (type_counts.identifier_count - type_counts.shared_count) * 1.0
                        / identifier_types.type_limit
                else 0
            end
        ) as limit_use,
        min(type_counts.first_seen_at) as first_seen_at,
        max(type_counts.last_seen_at) as last_seen_at

    from type_counts
    inner join identifier_types on type_counts.type_rank = identifier_types.type_rank
    group by type_counts.anchor_node_id

),

measured as (

    select
        sizes.*,
        coalesce(edge_counts.edge_count, 0) as edge_count,
        coalesce(edge_counts.suppressed_edge_count, 0) as suppressed_edge_count,
        coalesce(edge_counts.single_record_edge_count, 0) as single_record_edge_count,
        coalesce(edge_counts.max_degree, 0) as max_degree,
        -- far from a star: most identifiers hang on others than the best linked one
        sizes.identifier_count > 6
        and sizes.identifier_count > 3 * (1 + coalesce(edge_counts.max_degree, 0)) as is_deep,
        sizes.is_over_limit = 1
        or sizes.identifier_count > {{ var('supercluster_identifiers') }} as is_supercluster

    from sizes
    left join {{ ref('int_identity__edge_counts') }} as edge_counts
        on sizes.anchor_node_id = edge_counts.anchor_node_id

),

clusters as (

    select
        -- customer
        anchors.entity_id as customer_id,

        -- size
        cast(measured.identifier_count as {{ dbt.type_bigint() }}) as identifier_count,
        cast(measured.user_count as {{ dbt.type_bigint() }}) as user_id_count,
        cast(measured.loyalty_count as {{ dbt.type_bigint() }}) as loyalty_id_count,
        cast(measured.email_count as {{ dbt.type_bigint() }}) as email_count,
        cast(measured.phone_count as {{ dbt.type_bigint() }}) as phone_count,
        cast(measured.device_count as {{ dbt.type_bigint() }}) as device_count,
        cast(measured.shared_identifier_count as {{ dbt.type_bigint() }})
            as shared_identifier_count,
        measured.identifiers_per_type,

        -- shape
        cast(measured.edge_count as {{ dbt.type_bigint() }}) as edge_count,
        cast(measured.suppressed_edge_count as {{ dbt.type_bigint() }}) as suppressed_edge_count,
        cast(measured.max_degree as {{ dbt.type_bigint() }}) as max_degree,

        -- flags
        measured.is_deep,
        measured.is_supercluster,

        -- trust: 1 less what speaks against one person, each doubt on its own
        cast(
            (case when measured.is_supercluster then 0.2 else 1.0 end)
            * (case when measured.is_deep then 0.7 else 1.0 end)
            * (1.0 - 0.3 * case when measured.limit_use > 1 then 1 else measured.limit_use end)
            * (
                1.0
                - 0.3 * measured.suppressed_edge_count
                / (1.0 + measured.suppressed_edge_count + measured.edge_count)
            )
            * (1.0 - 0.2 * measured.single_record_edge_count / (1.0 + measured.edge_count))
            as {{ dbt.type_float() }}
        ) as trust_score,

        -- times
        cast(measured.first_seen_at as {{ dbt.type_timestamp() }}) as first_seen_at,
        cast(measured.last_seen_at as {{ dbt.type_timestamp() }}) as last_seen_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from measured
    inner join {{ ref('int_identity__registry') }} as anchors
        on measured.anchor_node_id = anchors.node_id

    {% if is_incremental() %}
    union all

    select
        anchors.entity_id as customer_id,
        0 as identifier_count,
        0 as user_id_count,
        0 as loyalty_id_count,
        0 as email_count,
        0 as phone_count,
        0 as device_count,
        0 as shared_identifier_count,
        null as identifiers_per_type,
        0 as edge_count,
        0 as suppressed_edge_count,
        0 as max_degree,
        false as is_deep,
        false as is_supercluster,
        null as trust_score,
        null as first_seen_at,
        null as last_seen_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from touched
    inner join {{ ref('int_identity__registry') }} as anchors
        on touched.anchor_node_id = anchors.node_id
    left join measured on touched.anchor_node_id = measured.anchor_node_id
    where measured.anchor_node_id is null
    {% endif %}

)

select * from clusters

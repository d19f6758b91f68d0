{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='run_id',
    on_schema_change='append_new_columns',
    full_refresh=false
) }}

with

runs as (

    select all_runs.*
    from {{ ref('int_identity__runs') }} as all_runs
    where all_runs.run_id = {{ current_run() }}

),

moves as (

    select * from {{ ref('int_identity__moves') }}

),

identifier_types as (

    {{ identifier_type_rows() }}

),

type_counts as (

    select
        map_counts.identifier_type,
        map_counts.identifier_count,
        map_counts.shared_count,
        identifier_types.type_rank

    from (
        select
            identity_map.identifier_type,
            count(*) as identifier_count,
            sum(case when identity_map.is_shared then 1 else 0 end) as shared_count

        from {{ ref('identity_map') }} as identity_map
        group by identity_map.identifier_type
    ) as map_counts
    inner join identifier_types on map_counts.identifier_type = identifier_types.identifier_type

),

identifiers as (

    select
        coalesce(sum(type_counts.identifier_count), 0) as identifier_count,
        coalesce(sum(type_counts.shared_count), 0) as shared_identifier_count,
        {{ dbt.listagg(
            "type_counts.identifier_type || ':' || " ~ dbt.cast('type_counts.identifier_count', dbt.type_string()),
            "' '",
            "order by type_counts.type_rank"
        ) }} as identifiers_per_type

    from type_counts

),

largest as (

    select
        biggest.identifier_count,
        row_number() over (order by biggest.identifier_count desc, biggest.customer_id)
            as cluster_index

    from (
        select
            clusters.identifier_count,
            clusters.customer_id

        from {{ ref('identity_clusters') }} as clusters
        order by clusters.identifier_count desc, clusters.customer_id
        limit 10
    ) as biggest

),

sizes as (

    select
        (select count(*) from {{ ref('identity_clusters') }}) as customer_count,
        (
            select count(*)
            from {{ ref('identity_clusters') }} as clusters
            where clusters.is_supercluster
        ) as supercluster_count,
        {{ dbt.listagg(
            dbt.cast('largest.identifier_count', dbt.type_string()),
            "' '",
            "order by largest.cluster_index"
        ) }} as largest_clusters

    from largest

),

changes as (

    select
        count(distinct case when moves.is_merge then moves.from_node_id end) as merge_count,
        count(case when not moves.is_merge then 1 end) as split_count

    from moves
    inner join {{ ref('int_identity__nodes') }} as nodes on moves.from_node_id = nodes.node_id
    where
        moves.run_id = {{ current_run() }}
        and nodes.entity = 'customer'

),

blocked as (

    select count(*) as blocked_count
    from {{ ref('int_identity__nodes') }} as nodes
    where nodes.status = 'blocked'

),

stats as (

    select
        -- run
        cast(runs.run_id as {{ dbt.type_bigint() }}) as run_id,
        runs.as_of,

        -- size
        cast(identifiers.identifier_count as {{ dbt.type_bigint() }}) as identifier_count,
        cast(sizes.customer_count as {{ dbt.type_bigint() }}) as customer_count,
        cast(
            1.0 - sizes.customer_count * 1.0 / nullif(identifiers.identifier_count, 0)
            as {{ dbt.type_float() }}
        ) as consolidation_rate,
        identifiers.identifiers_per_type,
        sizes.largest_clusters,
        cast(sizes.supercluster_count as {{ dbt.type_bigint() }}) as supercluster_count,
        cast(identifiers.shared_identifier_count as {{ dbt.type_bigint() }})
            as shared_identifier_count,
        cast(blocked.blocked_count as {{ dbt.type_bigint() }}) as blocked_count,

        -- change
        cast(changes.merge_count as {{ dbt.type_bigint() }}) as merge_count,
        cast(changes.split_count as {{ dbt.type_bigint() }}) as split_count

    from runs
    cross join identifiers
    cross join sizes
    cross join changes
    cross join blocked

)

select * from stats

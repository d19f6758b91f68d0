{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

{% set node_settings = [var('identifier_types'), var('identity_entities', {}), identity_hygiene()] %}

with

blocking_rules as (

    select
        {{ dbt.listagg(
            "blocked.identifier_type || ' ' || blocked.match || ' ' || blocked.value",
            "chr(30)",
            "order by blocked.identifier_type, blocked.match, blocked.value"
        ) }} as rules_text

    from {{ ref('blocked_identifiers') }} as blocked

),

link_rules as (

    select
        {{ dbt.listagg(
            "links.action || ' ' || links.left_type || ' ' || links.left_value || ' ' || links.right_type || ' ' || links.right_value",
            "chr(30)",
            "order by links.action, links.left_type, links.left_value, links.right_type, links.right_value"
        ) }} as rules_text

    from (
        select action, left_type, left_value, right_type, right_value
        from {{ ref('link_rules') }}
        union all
        select action, left_type, left_value, right_type, right_value
        from {{ ref('identity_link_rules') }}
    ) as links

),

previous_runs as (

    {% if is_incremental() %}
    select coalesce(max(own_rows.run_id), 0) as last_run
    from {{ this }} as own_rows
    {% else %}
    select 0 as last_run
    {% endif %}

),

runs as (

    select
        cast(previous_runs.last_run + 1 as {{ dbt.type_bigint() }}) as run_id,
        {{ as_of() }} as as_of,
        md5('{{ local_md5(tojson(node_settings)) }}' || coalesce(blocking_rules.rules_text, ''))
            as node_rules_fingerprint,
        md5('{{ local_md5(tojson(var('identifier_types'))) }}' || coalesce(link_rules.rules_text, ''))
            as cluster_rules_fingerprint,
        '{{ invocation_id }}' as invocation_id

    from previous_runs
    cross join blocking_rules
    cross join link_rules

)

select * from runs

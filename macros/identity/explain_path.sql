{# Why two identifiers are one customer: the links of a shortest path between them.

   What `kenning identity explain` says, as a query for an analysis or a notebook:
       dbt show --inline "{{ identity_path('email', 'ada@x.example', 'phone', '+31612345678') }}"
   Only links of their customer are walked. Of several shortest paths, each step from the left takes the link
   with most records, then the older identifier. An end may be shared; no shared identifier lies between.

   Args: left_type, left_value, right_type, right_value (texts, not yet quoted, as identity_map has them),
   max_hops (whole number from 1: the longest path that is looked for).
   Returns: a query of one row per link and source model, in the columns of identity_edges after hop, which
   counts from 1 at the left; to be ordered by hop. No row when the two are not one customer, or are one and
   the same.
   Errors: max_hops below 1.
   Snowflake and BigQuery allow no `union` in a recursive query; Spark has such queries from version 4.1. #}
{% macro identity_path(left_type, left_value, right_type, right_value, max_hops=20) -%}
    {%- if max_hops < 1 -%}
        {{- exceptions.raise_compiler_error("identity_path: max_hops is " ~ max_hops ~ ". Give a whole number from 1.") -}}
    {%- endif -%}
with recursive

ends as (

    select
        lefts.node_id as left_node_id,
        rights.node_id as right_node_id,
        left_places.component_id

    from {{ ref('int_identity__registry') }} as lefts
    inner join {{ ref('int_identity__registry') }} as rights
        on
            rights.identifier_type = {{ text_literal(right_type) }}
            and rights.identifier_value = {{ text_literal(right_value) }}
    inner join {{ ref('int_identity__assignments') }} as left_places
        on lefts.node_id = left_places.node_id
    inner join {{ ref('int_identity__assignments') }} as right_places
        on
            rights.node_id = right_places.node_id
            and left_places.component_id = right_places.component_id
    where
        lefts.identifier_type = {{ text_literal(left_type) }}
        and lefts.identifier_value = {{ text_literal(left_value) }}

),

members as (

    select
        places.node_id,
        places.is_shared

    from {{ ref('int_identity__assignments') }} as places
    inner join ends on places.component_id = ends.component_id
    where
        not places.is_shared
        or places.node_id in (ends.left_node_id, ends.right_node_id)

),

reasons as (

    select
        links.centre_node_id as node_id,
        links.node_id as other_node_id,
        'record' as rule_name,
        records.source_model,
        {{ earliest_by('records.record_key', 'records.first_seen_at', 'records.record_key') }} as record_key,
        sum(records.record_count) as record_count,
        min(records.first_seen_at) as first_seen_at,
        max(records.last_seen_at) as last_seen_at

    from {{ ref('int_identity__links') }} as links
    inner join members as centres on links.centre_node_id = centres.node_id
    inner join members as leaves on links.node_id = leaves.node_id
    inner join {{ ref('int_identity__records') }} as records on links.fingerprint = records.fingerprint
    where
        links.is_current
        and (links.is_merging or centres.is_shared or leaves.is_shared)
    group by
        links.centre_node_id,
        links.node_id,
        records.source_model

    union all

    select
        rules.left_node_id as node_id,
        rules.right_node_id as other_node_id,
        'link' as rule_name,
        'link_rules' as source_model,
        rules.rule_id as record_key,
        1 as record_count,
        cast(null as {{ dbt.type_timestamp() }}) as first_seen_at,
        cast(null as {{ dbt.type_timestamp() }}) as last_seen_at

    from {{ ref('int_identity__overrides') }} as rules
    inner join members as lefts on rules.left_node_id = lefts.node_id
    inner join members as rights on rules.right_node_id = rights.node_id
    where
        rules.is_current
        and rules.action = 'link'

),

-- Each link from either end.
directed as (

    select
        reasons.node_id,
        reasons.other_node_id,
        reasons.record_count

    from reasons

    union all

    select
        reasons.other_node_id as node_id,
        reasons.node_id as other_node_id,
        reasons.record_count

    from reasons

),

neighbours as (

    select
        directed.node_id,
        directed.other_node_id,
        sum(directed.record_count) as record_count

    from directed
    group by
        directed.node_id,
        directed.other_node_id

),

-- Union, not union all: an identifier is reached once per distance, so a ring does not run for ever.
reached as (

    select
        ends.right_node_id as node_id,
        0 as distance

    from ends

    union

    select
        neighbours.other_node_id as node_id,
        reached.distance + 1 as distance

    from reached
    inner join neighbours on reached.node_id = neighbours.node_id
    where reached.distance < {{ max_hops }}

),

distances as (

    select
        reached.node_id,
        min(reached.distance) as distance

    from reached
    group by reached.node_id

),

steps as (

    select
        neighbours.node_id,
        neighbours.other_node_id,
        row_number() over (
            partition by neighbours.node_id
            order by neighbours.record_count desc, neighbours.other_node_id
        ) as step_index

    from neighbours
    inner join distances as heres on neighbours.node_id = heres.node_id
    inner join distances as theres
        on
            neighbours.other_node_id = theres.node_id
            and heres.distance = theres.distance + 1

),

path as (

    select
        steps.node_id,
        steps.other_node_id,
        1 as hop

    from ends
    inner join steps on ends.left_node_id = steps.node_id
    where steps.step_index = 1

    union all

    select
        steps.node_id,
        steps.other_node_id,
        path.hop + 1 as hop

    from path
    inner join steps on path.other_node_id = steps.node_id
    where steps.step_index = 1

),

path_links as (

    select
        path.hop,
        lefts.identifier_type as left_identifier_type,
        lefts.identifier_value as left_identifier_value,
        rights.identifier_type as right_identifier_type,
        rights.identifier_value as right_identifier_value,
        reasons.rule_name,
        reasons.source_model,
        reasons.record_key,
        reasons.record_count,
        reasons.first_seen_at,
        reasons.last_seen_at

    from path
    inner join reasons
        on
            (path.node_id = reasons.node_id and path.other_node_id = reasons.other_node_id)
            or (path.node_id = reasons.other_node_id and path.other_node_id = reasons.node_id)
    inner join {{ ref('int_identity__registry') }} as lefts on path.node_id = lefts.node_id
    inner join {{ ref('int_identity__registry') }} as rights on path.other_node_id = rights.node_id

)

select * from path_links
{%- endmacro %}

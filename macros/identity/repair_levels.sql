{# Lets the links of contested components in, level by level, and keeps every limit and never-link rule.

   What repaired_components.sql describes, on three scratch tables:
     groups  node_id, group_id, type_rank, type_limit, limit_days, first_seen_at, is_demoted, rule_name,
             linked_type, linked_limit, linked_count: changed in place. A group is known by one of its nodes.
     links   left_node_id, right_node_id, link_level, strength (unique, 1 the strongest)
     parted  left_node_id, right_node_id that may not be one customer

   Why rounds give what one pass over a level's links, strongest first, would give: a union that breaks a
   rule would break it later too, because groups only grow, so refusing it early changes nothing. And a
   link that is the strongest of both its groups would meet the same two groups in the pass, since every
   link before it touches neither. A group with many neighbours that have no other link takes in as many
   of them at once as follow each other in the order of strength and keep the limits. #}
{% macro repair_levels(groups, links, parted) -%}
    {%- set levels = run_query('select distinct link_level from ' ~ links ~ ' order by link_level').columns[0].values() -%}
    {%- for level in levels -%}
        {%- if level | int > 0 -%}
            {%- do _demote(groups, links, parted, level) -%}
        {%- endif -%}
        {%- set pairs = create_scratch('pairs', _open_pairs(groups, links, level)) -%}
        {%- if scratch_count(pairs, 'true') == 0 -%}
            {%- do drop_scratch(pairs) -%}
            {%- continue -%}
        {%- endif -%}
        {%- set solved = solve_components('level', 'select left_node_id, right_node_id from ' ~ pairs) -%}
        {%- if level | int > 0 -%}
            {%- set bundles = create_scratch('bundles', 'select component_id as bundle_id, node_id as group_id from ' ~ solved) -%}
            {%- set forbidden = create_scratch('forbidden', _forbidden_bundles(bundles, groups, parted)) -%}
            {%- do run_query(_without(pairs, solved, forbidden)) -%}
            {%- do run_query('delete from ' ~ solved ~ ' where component_id in (select bundle_id from ' ~ forbidden ~ ')') -%}
            {%- do drop_scratch(bundles) -%}
            {%- do drop_scratch(forbidden) -%}
        {%- endif -%}
        {%- do _join_groups(groups, solved) -%}
        {%- do drop_scratch(solved) -%}
        {%- if level | int > 0 and scratch_count(pairs, 'true') > 0 -%}
            {%- do _let_in_one_by_one(groups, pairs, parted) -%}
        {%- else -%}
            {%- do drop_scratch(pairs) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{# Mark the identifiers of a level whose neighbours may not all be one customer. #}
{% macro _demote(groups, links, parted, level) -%}
    {%- set bundles = create_scratch('bundles', _neighbour_bundles(groups, links, level)) -%}
    {%- if scratch_count(bundles, 'true') == 0 -%}
        {%- do drop_scratch(bundles) -%}
        {{ return('') }}
    {%- endif -%}
    {%- set forbidden = create_scratch('forbidden', _forbidden_bundles(bundles, groups, parted)) -%}
    {%- do run_query(_demotions(groups, forbidden)) -%}
    {%- do drop_scratch(bundles) -%}
    {%- do drop_scratch(forbidden) -%}
{%- endmacro %}

{# The groups that an identifier of the level would join, itself apart, where they are two or more. One
   that a link rule names stays with whom the rule says. #}
{% macro _neighbour_bundles(groups, links, level) %}
    select
        neighbours.bundle_id,
        neighbours.group_id
    from (
        select
            met.bundle_id,
            met.group_id,
            count(*) over (partition by met.bundle_id) as group_count
        from (
            select distinct
                own.node_id as bundle_id,
                others.group_id
            from (
                select left_node_id as node_id, right_node_id as other_node_id from {{ links }} where link_level = {{ level }}
                union all
                select right_node_id as node_id, left_node_id as other_node_id from {{ links }} where link_level = {{ level }}
            ) as ends
            inner join {{ groups }} as own on ends.node_id = own.node_id
            inner join {{ groups }} as others on ends.other_node_id = others.node_id
            where
                own.type_rank = {{ level }}
                and own.group_id <> others.group_id
                and not others.is_demoted
                and own.node_id not in (
                    select left_node_id from {{ links }} where link_level = 0
                    union all
                    select right_node_id from {{ links }} where link_level = 0
                )
        ) as met
    ) as neighbours
    where neighbours.group_count > 1
{% endmacro %}

{% macro _demotions(groups, forbidden) %}
    update {{ groups }}
    set
        is_demoted = true,
        rule_name = case when forbidden.type_rank = 0 then 'never_link' else 'limit' end,
        linked_type = types.identifier_type,
        linked_limit = forbidden.linked_limit,
        linked_count = forbidden.linked_count
    from {{ forbidden }} as forbidden
    left join ({{ identifier_type_rows() }}) as types on forbidden.type_rank = types.type_rank
    where {{ groups }}.node_id = forbidden.bundle_id
{% endmacro %}

{# Bundles of groups that may not be one customer, and why: the strongest reason, rank 0 for a person's word.

   A group that a link rule filled beyond a limit may still take in what does not fill it more.
   Args: bundles (bundle_id, group_id). Returns: bundle_id, type_rank, linked_limit, linked_count. #}
{% macro _forbidden_bundles(bundles, groups, parted) %}
    with limited as (
        select
            bundles.bundle_id,
            bundles.group_id,
            members.node_id,
            members.type_rank,
            members.type_limit,
            members.limit_days,
            members.first_seen_at
        from {{ bundles }} as bundles
        inner join {{ groups }} as members on bundles.group_id = members.group_id
        where members.type_limit is not null
    ),

    reasons as (
        select
            bundle_id,
            type_rank,
            type_limit,
            bundle_count
        from ({{ limit_counts('limited') }}) as limit_counts
        where
            bundle_count > type_limit
            and bundle_count > group_count

        union all

        select
            lefts.bundle_id,
            0 as type_rank,
            cast(null as {{ dbt.type_bigint() }}) as type_limit,
            cast(null as {{ dbt.type_bigint() }}) as bundle_count
        from {{ parted }} as parted
        inner join {{ groups }} as left_groups on parted.left_node_id = left_groups.node_id
        inner join {{ groups }} as right_groups on parted.right_node_id = right_groups.node_id
        inner join {{ bundles }} as lefts on left_groups.group_id = lefts.group_id
        inner join {{ bundles }} as rights
            on
                right_groups.group_id = rights.group_id
                and lefts.bundle_id = rights.bundle_id
        where left_groups.group_id <> right_groups.group_id
    )

    select
        reasons.bundle_id,
        min(reasons.type_rank) as type_rank,
        {{ earliest_by('reasons.type_limit', 'reasons.type_rank', 'reasons.type_rank') }} as linked_limit,
        {{ earliest_by('reasons.bundle_count', 'reasons.type_rank', 'reasons.type_rank') }} as linked_count
    from reasons
    group by reasons.bundle_id
{% endmacro %}

{# How many identifiers of each limited type a bundle of groups would hold together, and the fullest of
   its groups alone; where the type has limit_days, within the fullest such span.

   Args: limited (CTE or table: bundle_id, group_id, node_id, type_rank, type_limit, limit_days,
   first_seen_at; nodes of limited types only).
   Returns: a query: bundle_id, type_rank, type_limit, bundle_count, group_count. #}
{% macro limit_counts(limited) %}
    {%- set has_spans = identifier_type_entries() | selectattr('limit_days') | list | length > 0 %}
    select
        grouped.bundle_id,
        grouped.type_rank,
        grouped.type_limit,
        sum(grouped.group_count) as bundle_count,
        max(grouped.group_count) as group_count
    from (
        select
            bundle_id,
            group_id,
            type_rank,
            type_limit,
            count(*) as group_count
        from {{ limited }}
        where limit_days is null
        group by
            bundle_id,
            group_id,
            type_rank,
            type_limit
    ) as grouped
    group by
        grouped.bundle_id,
        grouped.type_rank,
        grouped.type_limit
    {%- if has_spans %}

    union all

    -- Each identifier ends a span; the fullest span counts, for the bundle and for each group alone.
    select
        spans.bundle_id,
        spans.type_rank,
        spans.type_limit,
        max(spans.bundle_count) as bundle_count,
        max(spans.group_count) as group_count
    from (
        select
            own.bundle_id,
            own.node_id,
            own.type_rank,
            own.type_limit,
            count(*) as bundle_count,
            sum(case when own.group_id = others.group_id then 1 else 0 end) as group_count
        from {{ limited }} as own
        inner join {{ limited }} as others
            on
                own.bundle_id = others.bundle_id
                and own.type_rank = others.type_rank
        where
            own.limit_days is not null
            and others.first_seen_at <= own.first_seen_at
            and {{ dbt.dateadd('day', 'own.limit_days', 'others.first_seen_at') }} > own.first_seen_at
        group by
            own.bundle_id,
            own.node_id,
            own.type_rank,
            own.type_limit
    ) as spans
    group by
        spans.bundle_id,
        spans.type_rank,
        spans.type_limit
    {%- endif %}
{% endmacro %}

{# Pairs of groups that links of a level would join, with the strongest such link. #}
{% macro _open_pairs(groups, links, level) %}
    select
        ordered.left_node_id,
        ordered.right_node_id,
        min(ordered.strength) as strength
    from (
        select
            case when lefts.group_id < rights.group_id then lefts.group_id else rights.group_id end as left_node_id,
            case when lefts.group_id < rights.group_id then rights.group_id else lefts.group_id end as right_node_id,
            links.strength
        from {{ links }} as links
        inner join {{ groups }} as lefts on links.left_node_id = lefts.node_id
        inner join {{ groups }} as rights on links.right_node_id = rights.node_id
        where
            links.link_level = {{ level }}
            and lefts.group_id <> rights.group_id
            and not lefts.is_demoted
            and not rights.is_demoted
    ) as ordered
    group by
        ordered.left_node_id,
        ordered.right_node_id
{% endmacro %}

{# Keep only the pairs of bundles that may not be joined as a whole. #}
{% macro _without(pairs, solved, forbidden) %}
    delete from {{ pairs }}
    where left_node_id not in (
        select solved.node_id
        from {{ solved }} as solved
        inner join {{ forbidden }} as forbidden on solved.component_id = forbidden.bundle_id
    )
{% endmacro %}

{# Put groups into the group that they are joined to. Args: joined (table: node_id, component_id of groups). #}
{% macro _join_groups(groups, joined) -%}
    {%- do run_query(
        'update ' ~ groups ~ ' set group_id = joined.component_id from ' ~ joined ~ ' as joined where '
        ~ groups ~ '.group_id = joined.node_id and joined.node_id <> joined.component_id'
    ) -%}
{%- endmacro %}

{# Until no pair is left: refuse those that may not be one, join those whose turn it is. Drops `pairs`. #}
{% macro _let_in_one_by_one(groups, pairs, parted) -%}
    {%- set state = namespace(pairs=pairs) -%}
    {%- for round in range(100000) -%}
        {%- set bundles = create_scratch('bundles', _pair_bundles(state.pairs)) -%}
        {%- set forbidden = create_scratch('forbidden', _forbidden_bundles(bundles, groups, parted)) -%}
        {%- do run_query('delete from ' ~ state.pairs ~ ' where strength in (select bundle_id from ' ~ forbidden ~ ')') -%}
        {%- do drop_scratch(bundles) -%}
        {%- do drop_scratch(forbidden) -%}
        {%- if scratch_count(state.pairs, 'true') == 0 -%}{%- break -%}{%- endif -%}
        {%- set joined = create_scratch('joined', _joined_pairs(state.pairs, groups, parted)) -%}
        {%- do _join_groups(groups, joined) -%}
        {%- set left_over = create_scratch('pairs_' ~ (round % 2), _left_pairs(state.pairs, joined)) -%}
        {%- do drop_scratch(state.pairs) -%}
        {%- do drop_scratch(joined) -%}
        {%- set state.pairs = left_over -%}
    {%- endfor -%}
    {%- do drop_scratch(state.pairs) -%}
{%- endmacro %}

{# Each open pair is a bundle of two groups, known by its strength. #}
{% macro _pair_bundles(pairs) %}
    select strength as bundle_id, left_node_id as group_id from {{ pairs }}
    union all
    select strength as bundle_id, right_node_id as group_id from {{ pairs }}
{% endmacro %}

{# Groups that are joined now, with the group that takes them in. No group is on both sides. #}
{% macro _joined_pairs(pairs, groups, parted) %}
    with sides as (
        select left_node_id as hub_id, right_node_id as leaf_id, strength from {{ pairs }}
        union all
        select right_node_id as hub_id, left_node_id as leaf_id, strength from {{ pairs }}
    ),

    degrees as (
        select
            hub_id as group_id,
            count(*) as degree,
            min(strength) as best_strength
        from sides
        group by hub_id
    ),

    -- Groups whose limits do not add up: counted within spans, or named by a never-link rule.
    awkward as (
        select distinct group_id
        from {{ groups }}
        where
            limit_days is not null
            or node_id in (select left_node_id from {{ parted }} union all select right_node_id from {{ parted }})
    ),

    -- A hub's neighbours in the order of strength, up to the first that has links of its own.
    ordered as (
        select
            sides.hub_id,
            sides.leaf_id,
            sides.strength,
            sum(
                case
                    when leaf_degrees.degree = 1 and awkward.group_id is null then 0
                    else 1
                end
            ) over (partition by sides.hub_id order by sides.strength) as obstacle_count
        from sides
        inner join degrees as hub_degrees on sides.hub_id = hub_degrees.group_id
        inner join degrees as leaf_degrees on sides.leaf_id = leaf_degrees.group_id
        left join awkward on sides.leaf_id = awkward.group_id
        where hub_degrees.degree > 1
    ),

    limited as (
        select
            group_id,
            type_rank,
            type_limit,
            count(*) as identifier_count
        from {{ groups }}
        where type_limit is not null
        group by
            group_id,
            type_rank,
            type_limit
    ),

    -- Up to the first whose coming would break a limit.
    filled as (
        select
            ordered.hub_id,
            ordered.strength,
            coalesce(hubs.identifier_count, 0)
            + sum(leaves.identifier_count) over (
                partition by ordered.hub_id, leaves.type_rank
                order by ordered.strength
            ) as filled_count,
            leaves.type_limit
        from ordered
        inner join limited as leaves on ordered.leaf_id = leaves.group_id
        left join limited as hubs
            on
                ordered.hub_id = hubs.group_id
                and leaves.type_rank = hubs.type_rank
        where ordered.obstacle_count = 0
    ),

    ends as (
        select
            hub_id,
            min(strength) as end_strength
        from filled
        where filled_count > type_limit
        group by hub_id
    ),

    taken_in as (
        select
            ordered.leaf_id as node_id,
            ordered.hub_id as component_id
        from ordered
        left join ends on ordered.hub_id = ends.hub_id
        where
            ordered.obstacle_count = 0
            and (ends.end_strength is null or ordered.strength < ends.end_strength)
    ),

    -- Pairs whose link is the strongest that either side has.
    mutual as (
        select
            pairs.right_node_id as node_id,
            pairs.left_node_id as component_id
        from {{ pairs }} as pairs
        inner join degrees as lefts
            on
                pairs.left_node_id = lefts.group_id
                and pairs.strength = lefts.best_strength
        inner join degrees as rights
            on
                pairs.right_node_id = rights.group_id
                and pairs.strength = rights.best_strength
    )

    select node_id, component_id from taken_in

    union all

    select mutual.node_id, mutual.component_id
    from mutual
    where
        mutual.node_id not in (select component_id from taken_in)
        and mutual.component_id not in (select component_id from taken_in)
        and mutual.node_id not in (select node_id from taken_in)
        and mutual.component_id not in (select node_id from taken_in)
{% endmacro %}

{# The pairs that are left, between the groups as they are now. #}
{% macro _left_pairs(pairs, joined) %}
    select
        ordered.left_node_id,
        ordered.right_node_id,
        min(ordered.strength) as strength
    from (
        select
            case when moved.left_node_id < moved.right_node_id then moved.left_node_id else moved.right_node_id end as left_node_id,
            case when moved.left_node_id < moved.right_node_id then moved.right_node_id else moved.left_node_id end as right_node_id,
            moved.strength
        from (
            select
                coalesce(lefts.component_id, pairs.left_node_id) as left_node_id,
                coalesce(rights.component_id, pairs.right_node_id) as right_node_id,
                pairs.strength
            from {{ pairs }} as pairs
            left join {{ joined }} as lefts on pairs.left_node_id = lefts.node_id
            left join {{ joined }} as rights on pairs.right_node_id = rights.node_id
        ) as moved
        where moved.left_node_id <> moved.right_node_id
    ) as ordered
    group by
        ordered.left_node_id,
        ordered.right_node_id
{% endmacro %}

{# What becomes of components that break a limit, or hold two identifiers that a never-link rule parts.

   The model selects the links of the graph: left_node_id, right_node_id, is_active, record_count,
   last_seen_at, changed_run. The table has one row per node of a component that was ever looked into:
   node_id, component_id (as the links have it), repaired_component_id (the smallest node of the part that
   it belongs to), is_demoted (it merges nobody, and attaches to one customer), and for a demoted one the
   rule: rule_name (limit or never_link), linked_type, linked_limit, linked_count; changed_run.

   Links are let in anew, strongest first, by levels: a level is the links whose weaker end has one rank.
     link rules  come before all and keep no limit: a person said so
     demote      an identifier of the level whose neighbours may not all be one customer merges nobody
     merge       what then hangs together becomes one, where that keeps every rule
     refuse      where it would not, link by link: the strongest of its neighbourhood first (more records,
                 seen later, older identifiers), and one whose two sides may not be one is left out
   A union that breaks a rule would break it later too, because sides only grow. So the parallel refusals
   are those that one pass over the links in order of strength would make, and the outcome depends on the
   set of links alone: neither on the order of rows, nor on how they were spread over runs.

   Looked into anew is only what changed, or everything when the rules did. #}
{% materialization repaired_components, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set starts_anew = existing_relation is none or should_full_refresh() -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set known = none if starts_anew else existing_relation -%}
    {%- set touched = create_scratch('touched', _touched_components(known, sql)) -%}
    {%- set contested = create_scratch('contested', _contested_components(touched)) -%}
    {%- set groups = create_scratch('groups', _contested_nodes(contested)) -%}
    {%- set has_work = scratch_count(groups, 'true') > 0 -%}
    {%- if has_work -%}
        {%- set links = create_scratch('links', _contested_links(groups, sql)) -%}
        {%- do _repair(groups, links) -%}
        {%- do drop_scratch(links) -%}
    {%- endif -%}
    {%- set rows = create_scratch('rows', _repair_rows(known, touched, groups)) -%}
    {%- if starts_anew -%}
        {%- do replace_table(target_relation, existing_relation, 'select * from ' ~ rows) -%}
    {%- else -%}
        {% call statement('main') -%}
            delete from {{ target_relation }}
            where exists (select 1 from {{ rows }} as fresh where fresh.node_id = {{ target_relation }}.node_id);

            insert into {{ target_relation }} ({{ _repair_columns() }})
            select {{ _repair_columns() }} from {{ rows }};
        {%- endcall %}
    {%- endif -%}
    {%- for scratch in [touched, contested, groups, rows] -%}
        {%- do drop_scratch(scratch) -%}
    {%- endfor -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro _repair_columns() -%}
    node_id, component_id, repaired_component_id, is_demoted, rule_name, linked_type, linked_limit, linked_count, changed_run
{%- endmacro %}

{# Rows of a scratch table that meet a condition. Returns a whole number. #}
{% macro scratch_count(relation, condition) -%}
    {%- set answer = run_query('select count(*) as row_count from ' ~ relation ~ ' where ' ~ condition) -%}
    {{ return(answer.columns[0].values()[0] | int) }}
{%- endmacro %}

{# The components that a change of links, nodes or rules may have put right or wrong. #}
{% macro _touched_components(known, links) %}
    {%- set components = ref('int_identity__components') %}
    {%- if known is none %}
    select distinct component_id from {{ components }}
    {%- else %}
    {%- set last_run = '(select coalesce(max(changed_run), 0) from ' ~ known ~ ')' %}
    select distinct components.component_id
    from {{ components }} as components
    where
        components.changed_run > {{ last_run }}
        or coalesce(
            (select cluster_rules_fingerprint || node_rules_fingerprint from {{ ref('int_identity__runs') }} where run_id = {{ current_run() }})
            <> (select cluster_rules_fingerprint || node_rules_fingerprint from {{ ref('int_identity__runs') }} where run_id = {{ last_run }}),
            true
        )

    union

    select components.component_id
    from {{ components }} as components
    inner join (
        select left_node_id as node_id from ({{ links }}) as links where changed_run > {{ last_run }}
        union
        select right_node_id as node_id from ({{ links }}) as links where changed_run > {{ last_run }}
        union
        select left_node_id as node_id from {{ ref('int_identity__overrides') }} where changed_run > {{ last_run }}
        union
        select right_node_id as node_id from {{ ref('int_identity__overrides') }} where changed_run > {{ last_run }}
        union
        select node_id from {{ ref('int_identity__nodes') }} where status_changed_run > {{ last_run }}
    ) as ends on components.node_id = ends.node_id
    {%- endif %}
{% endmacro %}

{# Those of them that break a rule. #}
{% macro _contested_components(touched) %}
    with members as (
        select
            components.component_id as bundle_id,
            components.component_id as group_id,
            components.node_id
        from {{ ref('int_identity__components') }} as components
        inner join {{ touched }} as touched on components.component_id = touched.component_id
    )

    select distinct bundle_id as component_id
    from ({{ _limit_counts('members') }}) as limit_counts
    where bundle_count > type_limit

    union

    select lefts.component_id
    from {{ ref('int_identity__overrides') }} as overrides
    inner join {{ ref('int_identity__components') }} as lefts on overrides.left_node_id = lefts.node_id
    inner join {{ ref('int_identity__components') }} as rights
        on
            overrides.right_node_id = rights.node_id
            and lefts.component_id = rights.component_id
    inner join {{ touched }} as touched on lefts.component_id = touched.component_id
    where
        overrides.action = 'never_link'
        and overrides.is_current
{% endmacro %}

{# How many identifiers of each limited type a bundle of groups would hold together, and the fullest of
   its groups alone, counted within limit_days where the type has them.

   Args: members (name of a CTE or table: bundle_id, group_id, node_id).
   Returns: a query: bundle_id, type_rank, type_limit, bundle_count, group_count. #}
{% macro _limit_counts(members) %}
    select
        counted.bundle_id,
        counted.type_rank,
        counted.type_limit,
        max(counted.bundle_count) as bundle_count,
        max(counted.group_count) as group_count
    from (
        select
            members.bundle_id,
            limits.type_rank,
            limits.type_limit,
            count(*) over (partition by members.bundle_id, limits.type_rank) as bundle_count,
            count(*) over (partition by members.bundle_id, limits.type_rank, members.group_id) as group_count
        from {{ members }} as members
        inner join {{ ref('int_identity__nodes') }} as nodes on members.node_id = nodes.node_id
        inner join ({{ identifier_type_rows() }}) as limits on nodes.type_rank = limits.type_rank
        where
            limits.type_limit is not null
            and limits.limit_days is null

        union all

        select
            crowded.bundle_id,
            crowded.type_rank,
            crowded.type_limit,
            count(*) as bundle_count,
            sum(case when crowded.is_same_group then 1 else 0 end) as group_count
        from (
            select
                members.bundle_id,
                members.node_id,
                limits.type_rank,
                limits.type_limit,
                members.group_id = others.group_id as is_same_group
            from {{ members }} as members
            inner join {{ ref('int_identity__nodes') }} as nodes on members.node_id = nodes.node_id
            inner join ({{ identifier_type_rows() }}) as limits on nodes.type_rank = limits.type_rank
            inner join {{ members }} as others on members.bundle_id = others.bundle_id
            inner join {{ ref('int_identity__nodes') }} as other_nodes
                on
                    others.node_id = other_nodes.node_id
                    and nodes.type_rank = other_nodes.type_rank
            where
                limits.type_limit is not null
                and limits.limit_days is not null
                and other_nodes.first_seen_at <= nodes.first_seen_at
                and {{ dbt.dateadd('day', 'limits.limit_days', 'other_nodes.first_seen_at') }} > nodes.first_seen_at
        ) as crowded
        group by
            crowded.bundle_id,
            crowded.node_id,
            crowded.type_rank,
            crowded.type_limit
    ) as counted
    group by
        counted.bundle_id,
        counted.type_rank,
        counted.type_limit
{% endmacro %}

{# Bundles of groups that may not be one customer, and why; one row a bundle, the strongest reason.

   A group that a link rule filled beyond a limit may still take in what does not fill it more. #}
{% macro _forbidden_bundles(members, groups) %}
    select
        reasons.bundle_id,
        min(reasons.type_rank) as type_rank,
        {{ earliest_by('reasons.type_limit', 'reasons.type_rank', 'reasons.type_rank') }} as linked_limit,
        {{ earliest_by('reasons.bundle_count', 'reasons.type_rank', 'reasons.type_rank') }} as linked_count
    from (
        select
            limit_counts.bundle_id,
            limit_counts.type_rank,
            limit_counts.type_limit,
            limit_counts.bundle_count
        from ({{ _limit_counts(members) }}) as limit_counts
        where
            limit_counts.bundle_count > limit_counts.type_limit
            and limit_counts.bundle_count > limit_counts.group_count

        union all

        -- rank 0: a person's word is the strongest reason
        select
            lefts.bundle_id,
            0 as type_rank,
            cast(null as {{ dbt.type_bigint() }}) as type_limit,
            cast(null as {{ dbt.type_bigint() }}) as bundle_count
        from {{ ref('int_identity__overrides') }} as overrides
        inner join {{ groups }} as left_groups on overrides.left_node_id = left_groups.node_id
        inner join {{ groups }} as right_groups on overrides.right_node_id = right_groups.node_id
        inner join (select distinct bundle_id, group_id from {{ members }}) as lefts on left_groups.group_id = lefts.group_id
        inner join (select distinct bundle_id, group_id from {{ members }}) as rights
            on
                right_groups.group_id = rights.group_id
                and lefts.bundle_id = rights.bundle_id
        where
            overrides.action = 'never_link'
            and overrides.is_current
            and left_groups.group_id <> right_groups.group_id
    ) as reasons
    group by reasons.bundle_id
{% endmacro %}

{# Every node of a contested component, in a group of its own. #}
{% macro _contested_nodes(contested) %}
    select
        components.node_id,
        components.component_id,
        nodes.type_rank,
        components.node_id as group_id,
        false as is_demoted,
        cast(null as {{ dbt.type_string() }}) as rule_name,
        cast(null as {{ dbt.type_string() }}) as linked_type,
        cast(null as {{ dbt.type_bigint() }}) as linked_limit,
        cast(null as {{ dbt.type_bigint() }}) as linked_count
    from {{ ref('int_identity__components') }} as components
    inner join {{ contested }} as contested on components.component_id = contested.component_id
    inner join {{ ref('int_identity__nodes') }} as nodes on components.node_id = nodes.node_id
{% endmacro %}

{# The links between them: level (the rank of the weaker end; 0 for link rules), strength (1 the strongest). #}
{% macro _contested_links(groups, links) %}
    select
        weighed.*,
        row_number() over (
            order by
                weighed.link_level,
                weighed.record_count desc,
                case when weighed.last_seen_at is null then 1 else 0 end,
                weighed.last_seen_at desc,
                weighed.left_node_id,
                weighed.right_node_id
        ) as strength
    from (
        select
            case when links.left_node_id < links.right_node_id then links.left_node_id else links.right_node_id end as left_node_id,
            case when links.left_node_id < links.right_node_id then links.right_node_id else links.left_node_id end as right_node_id,
            max(case when lefts.type_rank > rights.type_rank then lefts.type_rank else rights.type_rank end) as link_level,
            sum(links.record_count) as record_count,
            max(links.last_seen_at) as last_seen_at
        from ({{ links }}) as links
        inner join {{ groups }} as lefts on links.left_node_id = lefts.node_id
        inner join {{ groups }} as rights on links.right_node_id = rights.node_id
        where links.is_active
        group by
            case when links.left_node_id < links.right_node_id then links.left_node_id else links.right_node_id end,
            case when links.left_node_id < links.right_node_id then links.right_node_id else links.left_node_id end

        union all

        select
            overrides.left_node_id,
            overrides.right_node_id,
            0 as link_level,
            0 as record_count,
            cast(null as {{ dbt.type_timestamp() }}) as last_seen_at
        from {{ ref('int_identity__overrides') }} as overrides
        inner join {{ groups }} as lefts on overrides.left_node_id = lefts.node_id
        where
            overrides.action = 'link'
            and overrides.is_current
    ) as weighed
{% endmacro %}

{# Let the links in, level by level. Changes the scratch table `groups` in place. #}
{% macro _repair(groups, links) -%}
    {%- set levels = run_query('select distinct link_level from ' ~ links ~ ' order by link_level').columns[0].values() -%}
    {%- for level in levels -%}
        {%- if level | int > 0 -%}
            {%- do _demote(groups, links, level) -%}
        {%- endif -%}
        {%- set open = create_scratch('open', _open_links(groups, links, level)) -%}
        {%- set solved = solve_components('level', 'select left_node_id, right_node_id from ' ~ open) -%}
        {%- if level | int > 0 -%}
            {%- set members = create_scratch('members', _solved_members(groups, solved)) -%}
            {%- set forbidden = create_scratch('forbidden', _forbidden_bundles(members, groups)) -%}
            {%- do run_query('delete from ' ~ solved ~ ' where component_id in (select bundle_id from ' ~ forbidden ~ ')') -%}
            {%- do drop_scratch(members) -%}
            {%- do drop_scratch(forbidden) -%}
        {%- endif -%}
        {%- do _join_groups(groups, solved) -%}
        {%- do drop_scratch(solved) -%}
        {%- do drop_scratch(open) -%}
        {%- if level | int > 0 -%}
            {%- do _let_in_one_by_one(groups, links, level) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{# Mark the identifiers of a level whose neighbours may not all be one customer. #}
{% macro _demote(groups, links, level) -%}
    {%- set members = create_scratch('members', _neighbour_members(groups, links, level)) -%}
    {%- set forbidden = create_scratch('forbidden', _forbidden_bundles(members, groups)) -%}
    {%- do run_query(_demotions(groups, forbidden)) -%}
    {%- do drop_scratch(members) -%}
    {%- do drop_scratch(forbidden) -%}
{%- endmacro %}

{# The groups that an identifier of the level would join, itself apart. One that a link rule names stays
   with whom the rule says. #}
{% macro _neighbour_members(groups, links, level) %}
    select
        neighbours.node_id as bundle_id,
        neighbours.group_id,
        members.node_id
    from (
        select distinct
            own.node_id,
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
            and not exists (
                select 1
                from {{ ref('int_identity__overrides') }} as overrides
                where
                    overrides.action = 'link'
                    and overrides.is_current
                    and own.node_id in (overrides.left_node_id, overrides.right_node_id)
            )
    ) as neighbours
    inner join {{ groups }} as members on neighbours.group_id = members.group_id
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

{# Links of a level between groups that are still two, with their strength; several count as the strongest. #}
{% macro _open_links(groups, links, level) %}
    select
        case when lefts.group_id < rights.group_id then lefts.group_id else rights.group_id end as left_node_id,
        case when lefts.group_id < rights.group_id then rights.group_id else lefts.group_id end as right_node_id,
        min(links.strength) as strength
    from {{ links }} as links
    inner join {{ groups }} as lefts on links.left_node_id = lefts.node_id
    inner join {{ groups }} as rights on links.right_node_id = rights.node_id
    where
        links.link_level = {{ level }}
        and lefts.group_id <> rights.group_id
        and not lefts.is_demoted
        and not rights.is_demoted
    group by
        case when lefts.group_id < rights.group_id then lefts.group_id else rights.group_id end,
        case when lefts.group_id < rights.group_id then rights.group_id else lefts.group_id end
{% endmacro %}

{% macro _solved_members(groups, solved) %}
    select
        solved.component_id as bundle_id,
        members.group_id,
        members.node_id
    from {{ solved }} as solved
    inner join {{ groups }} as members on solved.node_id = members.group_id
{% endmacro %}

{# Put groups into the group that they are joined to. Args: joined (table: node_id, component_id of groups). #}
{% macro _join_groups(groups, joined) -%}
    {%- do run_query(
        'update ' ~ groups ~ ' set group_id = joined.component_id from ' ~ joined ~ ' as joined where '
        ~ groups ~ '.group_id = joined.node_id and joined.node_id <> joined.component_id'
    ) -%}
{%- endmacro %}

{# What of a level may not be joined as a whole: refuse pairs that may not be one, join each pair whose
   link is the strongest that either side has, until no pair is left. #}
{% macro _let_in_one_by_one(groups, links, level) -%}
    {%- set pairs = namespace(open=create_scratch('pairs', _open_links(groups, links, level))) -%}
    {%- for _ in range(100000) -%}
        {%- set members = create_scratch('members', _pair_members(groups, pairs.open)) -%}
        {%- set forbidden = create_scratch('forbidden', _forbidden_bundles(members, groups)) -%}
        {%- do run_query('delete from ' ~ pairs.open ~ ' where strength in (select bundle_id from ' ~ forbidden ~ ')') -%}
        {%- do drop_scratch(members) -%}
        {%- do drop_scratch(forbidden) -%}
        {%- if scratch_count(pairs.open, 'true') == 0 -%}{%- break -%}{%- endif -%}
        {%- set joined = create_scratch('joined', _strongest_pairs(pairs.open)) -%}
        {%- do _join_groups(groups, joined) -%}
        {%- set left_over = create_scratch('pairs_next', _left_pairs(pairs.open, joined)) -%}
        {%- do run_query('drop table ' ~ pairs.open) -%}
        {%- set pairs.open = create_scratch('pairs', 'select * from ' ~ left_over) -%}
        {%- do drop_scratch(left_over) -%}
        {%- do drop_scratch(joined) -%}
    {%- endfor -%}
    {%- do drop_scratch(pairs.open) -%}
{%- endmacro %}

{# Each open pair is a bundle of two groups, known by its strength. #}
{% macro _pair_members(groups, pairs) %}
    select
        pairs.strength as bundle_id,
        members.group_id,
        members.node_id
    from (
        select strength, left_node_id as group_id from {{ pairs }}
        union all
        select strength, right_node_id as group_id from {{ pairs }}
    ) as pairs
    inner join {{ groups }} as members on pairs.group_id = members.group_id
{% endmacro %}

{# Pairs whose link is the strongest that either side has: no two of them share a side. #}
{% macro _strongest_pairs(pairs) %}
    select
        pairs.right_node_id as node_id,
        pairs.left_node_id as component_id
    from {{ pairs }} as pairs
    inner join (
        select
            sides.group_id,
            min(sides.strength) as strength
        from (
            select left_node_id as group_id, strength from {{ pairs }}
            union all
            select right_node_id as group_id, strength from {{ pairs }}
        ) as sides
        group by sides.group_id
    ) as best on pairs.strength = best.strength
    group by
        pairs.right_node_id,
        pairs.left_node_id
    having count(*) = 2
{% endmacro %}

{# The pairs that are left, between the groups as they are now. #}
{% macro _left_pairs(pairs, joined) %}
    select
        case when moved.left_node_id < moved.right_node_id then moved.left_node_id else moved.right_node_id end as left_node_id,
        case when moved.left_node_id < moved.right_node_id then moved.right_node_id else moved.left_node_id end as right_node_id,
        min(moved.strength) as strength
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
    group by
        case when moved.left_node_id < moved.right_node_id then moved.left_node_id else moved.right_node_id end,
        case when moved.left_node_id < moved.right_node_id then moved.right_node_id else moved.left_node_id end
{% endmacro %}

{# Contested nodes as repaired; nodes that were repaired once and are not contested any more, as they are. #}
{% macro _repair_rows(known, touched, groups) %}
    select
        groups.node_id,
        groups.component_id,
        groups.group_id as repaired_component_id,
        groups.is_demoted,
        groups.rule_name,
        groups.linked_type,
        groups.linked_limit,
        groups.linked_count,
        {{ current_run() }} as changed_run
    from {{ groups }} as groups
    {%- if known is not none %}

    union all

    select
        components.node_id,
        components.component_id,
        components.component_id as repaired_component_id,
        false as is_demoted,
        null as rule_name,
        null as linked_type,
        null as linked_limit,
        null as linked_count,
        {{ current_run() }} as changed_run
    from {{ ref('int_identity__components') }} as components
    inner join {{ touched }} as touched on components.component_id = touched.component_id
    inner join {{ known }} as known on components.node_id = known.node_id
    left join {{ groups }} as groups on components.node_id = groups.node_id
    where groups.node_id is null
    {%- endif %}
{% endmacro %}

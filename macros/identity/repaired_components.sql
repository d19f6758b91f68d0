{# What becomes of components that break a limit, or hold two identifiers that a never-link rule parts.

   The model selects the links of the graph: left_node_id, right_node_id, is_active, record_count,
   last_seen_at, changed_run. The table has one row per node of a component that ever broke a rule:
   node_id, component_id (as the links have it), repaired_component_id (the smallest node of the part that
   it belongs to), is_demoted (it merges nobody, and attaches to one customer), and for a demoted one the
   rule: rule_name (limit or never_link), linked_type, linked_limit, linked_count; changed_run.

   Links are let in anew, strongest first, by levels: a level is the links whose weaker end has one rank.
     link rules  come before all and keep no limit: a person said so
     demote      an identifier of the level whose neighbours may not all be one customer merges nobody
     merge       what then hangs together becomes one, where that keeps every rule
     refuse      where it would not, link by link: the strongest first (more records, seen later, older
                 identifiers), and one whose two sides may not be one is left out
   The outcome depends on the set of links alone, neither on the order of rows nor on how they were spread
   over runs; repair_levels.sql says why rounds of SQL give what one pass over the links in order would.

   Looked into anew is only what changed, or everything when the rules did. #}
{% materialization repaired_components, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set starts_anew = existing_relation is none or should_full_refresh() -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set known = none if starts_anew else existing_relation -%}
    {%- set touched = create_scratch('touched', _touched_components(known)) -%}
    {%- set contested = create_scratch('contested', _contested_components(touched)) -%}
    {%- set groups = create_scratch('groups', _contested_nodes(contested)) -%}
    {%- if scratch_count(groups, 'true') > 0 -%}
        {%- set links = create_scratch('links', _contested_links(groups, sql)) -%}
        {%- set parted = create_scratch('parted', _parted_nodes(groups)) -%}
        {%- do repair_levels(groups, links, parted) -%}
        {%- do drop_scratch(links) -%}
        {%- do drop_scratch(parted) -%}
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
{% macro _touched_components(known) %}
    {%- set components = ref('int_identity__components') %}
    {%- set runs = ref('int_identity__runs') %}
    {%- if known is none %}
    select distinct component_id from {{ components }}
    {%- else %}
    {%- set last_run = last_written_run(known) %}
    select distinct components.component_id
    from {{ components }} as components
    where
        components.changed_run > {{ last_run }}
        or coalesce(
            (select cluster_rules_fingerprint || node_rules_fingerprint from {{ runs }} where run_id = {{ current_run() }})
            <> (select cluster_rules_fingerprint || node_rules_fingerprint from {{ runs }} where run_id = {{ last_run }}),
            true
        )

    union

    select components.component_id
    from {{ components }} as components
    inner join (
        select centre_node_id as node_id from {{ ref('int_identity__links') }} where changed_run > {{ last_run }}
        union
        select node_id from {{ ref('int_identity__links') }} where changed_run > {{ last_run }}
        union
        select left_node_id as node_id from {{ ref('int_identity__overrides') }} where changed_run > {{ last_run }}
        union
        select right_node_id as node_id from {{ ref('int_identity__overrides') }} where changed_run > {{ last_run }}
        union
        select node_id from {{ ref('int_identity__nodes') }} where status_changed_run > {{ last_run }}
    ) as ends on components.node_id = ends.node_id

    union

    -- Where a rule is broken it matters which links are strong, and within limit_days, when.
    select components.component_id
    from {{ components }} as components
    inner join {{ ref('int_identity__nodes') }} as nodes on components.node_id = nodes.node_id
    inner join ({{ identifier_type_rows() }}) as types on nodes.type_rank = types.type_rank
    left join {{ known }} as known on components.node_id = known.node_id
    where
        nodes.changed_run > {{ last_run }}
        and (known.node_id is not null or types.limit_days is not null)
    {%- endif %}
{% endmacro %}

{# Those of them that break a rule. #}
{% macro _contested_components(touched) %}
    with limited as (
        select
            components.component_id as bundle_id,
            components.component_id as group_id,
            components.node_id,
            limits.type_rank,
            limits.type_limit,
            limits.limit_days,
            nodes.first_seen_at
        from {{ ref('int_identity__components') }} as components
        inner join {{ touched }} as touched on components.component_id = touched.component_id
        inner join {{ ref('int_identity__nodes') }} as nodes on components.node_id = nodes.node_id
        inner join ({{ identifier_type_rows() }}) as limits on nodes.type_rank = limits.type_rank
        where limits.type_limit is not null
    )

    select distinct bundle_id as component_id
    from ({{ limit_counts('limited') }}) as limit_counts
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

{# Every node of a contested component, in a group of its own. #}
{% macro _contested_nodes(contested) %}
    select
        components.node_id,
        components.component_id,
        nodes.type_rank,
        limits.type_limit,
        limits.limit_days,
        nodes.first_seen_at,
        components.node_id as group_id,
        false as is_demoted,
        cast(null as {{ dbt.type_string() }}) as rule_name,
        cast(null as {{ dbt.type_string() }}) as linked_type,
        cast(null as {{ dbt.type_bigint() }}) as linked_limit,
        cast(null as {{ dbt.type_bigint() }}) as linked_count
    from {{ ref('int_identity__components') }} as components
    inner join {{ contested }} as contested on components.component_id = contested.component_id
    inner join {{ ref('int_identity__nodes') }} as nodes on components.node_id = nodes.node_id
    inner join ({{ identifier_type_rows() }}) as limits on nodes.type_rank = limits.type_rank
{% endmacro %}

{# The pairs of them that a rule keeps apart. #}
{% macro _parted_nodes(groups) %}
    select
        overrides.left_node_id,
        overrides.right_node_id
    from {{ ref('int_identity__overrides') }} as overrides
    inner join {{ groups }} as lefts on overrides.left_node_id = lefts.node_id
    inner join {{ groups }} as rights
        on
            overrides.right_node_id = rights.node_id
            and lefts.component_id = rights.component_id
    where
        overrides.action = 'never_link'
        and overrides.is_current
{% endmacro %}

{# The links between them: link_level (the rank of the weaker end; 0 for link rules), strength (1 the
   strongest). #}
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

{# Contested nodes as repaired; nodes that were repaired once and are not contested any more, as they are. #}
{% macro _repair_rows(known, touched, groups) %}
    select
        groups.node_id,
        groups.component_id,
        min(groups.node_id) over (partition by groups.group_id) as repaired_component_id,
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

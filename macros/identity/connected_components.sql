{# A table of connected components that follows its edges from run to run.

   The model selects the edges of a graph: left_node_id, right_node_id (whole numbers; any order, repeats
   and loops allowed), is_active, and changed_run, the run in which the row came, went, or became active.
   An edge that is gone stays a row that is not active, so that its going is seen.

   The table has one row per node that has, or had, an edge: node_id, component_id (the smallest node id
   that it is connected to: itself when to none), changed_run. So when node ids are handed out in the order
   in which identifiers were first seen, a component is named after its oldest identifier.

   Incremental: a component that lost an edge is dissolved, and its nodes stand for themselves; every other
   component stands for all of its nodes. The active edges of dissolved components and the new edges, with
   their ends replaced by what stands for them, are all that is solved. Exact, because both ends of an edge
   lie in one component: an edge that goes concerns that one only, and one that comes joins what stands for
   its ends. The label stays the smallest node, since what stands for a component is its smallest.

   Old rows make way for new ones in one transaction; a failure before that leaves the last good table. #}
{% materialization connected_components, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set starts_anew = existing_relation is none or should_full_refresh() -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if starts_anew -%}
        {%- do _replace_components(target_relation, existing_relation, sql) -%}
    {%- else -%}
        {%- do _update_components(target_relation, sql) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro _replace_components(target, existing, edges) -%}
    {%- set active = 'select left_node_id, right_node_id from (' ~ edges ~ ') as edges where is_active' -%}
    {%- set solved = solve_components('all', active) -%}
    {%- do replace_table(target, existing, _finished_rows(solved, edges)) -%}
    {%- do drop_scratch(solved) -%}
{%- endmacro %}

{% macro _finished_rows(solved, edges) %}
    select
        solved.node_id,
        solved.component_id,
        (select coalesce(max(edges.changed_run), 0) from ({{ edges }}) as edges) as changed_run
    from {{ solved }} as solved
{% endmacro %}

{# Create the table by a query, or put a finished one in its place by a rename. #}
{% macro replace_table(target, existing, query) -%}
    {%- set finished = make_intermediate_relation(target) -%}
    {%- set backup = make_backup_relation(target, 'table') -%}
    {%- do drop_relation_if_exists(load_cached_relation(finished)) -%}
    {%- do drop_relation_if_exists(load_cached_relation(backup)) -%}
    {% call statement('main') -%}
        {{ create_table_as(False, finished, query) }}
    {%- endcall %}
    {%- if existing is not none -%}
        {%- do adapter.rename_relation(existing, backup) -%}
    {%- endif -%}
    {%- do adapter.rename_relation(finished, target) -%}
    {%- do adapter.commit() -%}
    {%- do drop_relation_if_exists(backup) -%}
{%- endmacro %}

{% macro _update_components(target, edges) -%}
    {%- set changed = create_scratch('changed', _changed_edges(target, edges)) -%}
    {%- set loose = create_scratch('loose', _loose_nodes(target, changed)) -%}
    {%- set solved = solve_components('changed', _standing_edges(target, edges, changed, loose)) -%}
    {%- set moved = create_scratch('moved', _moved_nodes(target, edges, changed, loose, solved)) -%}
    {% call statement('main') -%}
        delete from {{ target }}
        where exists (select 1 from {{ moved }} as moved where moved.node_id = {{ target }}.node_id);

        insert into {{ target }} (node_id, component_id, changed_run)
        select node_id, component_id, changed_run from {{ moved }};
    {%- endcall %}
    {%- for scratch in [changed, loose, solved, moved] -%}
        {%- do drop_scratch(scratch) -%}
    {%- endfor -%}
{%- endmacro %}

{# Edges that came or went since this table was last written. #}
{% macro _changed_edges(target, edges) %}
    select
        edges.left_node_id,
        edges.right_node_id,
        edges.is_active
    from ({{ edges }}) as edges
    where edges.changed_run > {{ last_written_run(target) }}
{% endmacro %}

{# The nodes of every component that lost an edge; one that never lay in a component is no loss. #}
{% macro _loose_nodes(target, changed) %}
    select
        known.node_id,
        known.component_id
    from {{ target }} as known
    where known.component_id in (
        select lefts.component_id
        from {{ changed }} as lost
        inner join {{ target }} as lefts on lost.left_node_id = lefts.node_id
        inner join {{ target }} as rights
            on
                lost.right_node_id = rights.node_id
                and lefts.component_id = rights.component_id
        where not lost.is_active
    )
{% endmacro %}

{# What is to be solved: edges of loose nodes, and new ones, between what stands for their ends. #}
{% macro _standing_edges(target, edges, changed, loose) %}
    select
        case when left_loose.node_id is null then coalesce(left_known.component_id, news.left_node_id) else news.left_node_id end as left_node_id,
        case when right_loose.node_id is null then coalesce(right_known.component_id, news.right_node_id) else news.right_node_id end as right_node_id
    from (
        select left_node_id, right_node_id from {{ changed }} where is_active
        union all
        select edges.left_node_id, edges.right_node_id
        from ({{ edges }}) as edges
        inner join {{ loose }} as loose on edges.left_node_id = loose.node_id
        where edges.is_active
    ) as news
    left join {{ target }} as left_known on news.left_node_id = left_known.node_id
    left join {{ target }} as right_known on news.right_node_id = right_known.node_id
    left join {{ loose }} as left_loose on news.left_node_id = left_loose.node_id
    left join {{ loose }} as right_loose on news.right_node_id = right_loose.node_id
{% endmacro %}

{# Nodes whose component is another now, or that are new. #}
{% macro _moved_nodes(target, edges, changed, loose, solved) %}
    select
        nodes.node_id,
        nodes.component_id,
        (select max(edges.changed_run) from ({{ edges }}) as edges) as changed_run
    from (
        select
            loose.node_id,
            coalesce(solved.component_id, loose.node_id) as component_id,
            loose.component_id as old_component_id
        from {{ loose }} as loose
        left join {{ solved }} as solved on loose.node_id = solved.node_id

        union all

        select
            known.node_id,
            solved.component_id,
            known.component_id as old_component_id
        from {{ target }} as known
        inner join {{ solved }} as solved on known.component_id = solved.node_id
        left join {{ loose }} as loose on known.node_id = loose.node_id
        where loose.node_id is null

        union all

        select
            solved.node_id,
            solved.component_id,
            null as old_component_id
        from {{ solved }} as solved
        inner join (
            select left_node_id as node_id from {{ changed }} where is_active
            union
            select right_node_id as node_id from {{ changed }} where is_active
        ) as ends on solved.node_id = ends.node_id
        left join {{ target }} as known on solved.node_id = known.node_id
        where known.node_id is null
    ) as nodes
    where nodes.component_id is distinct from nodes.old_component_id
{% endmacro %}

{# A table of connected components, from a model whose query gives the edges of a graph.

   The model selects two whole-number columns, left_node_id and right_node_id, in any order, with
   repeats and loops allowed. The table has one row per node that has an edge: node_id and
   component_id, the smallest node id that it is connected to. So when node ids are handed out in
   the order in which identifiers were first seen, a component is named after its oldest identifier.

   Algorithm: rounds of oriented min-hooking, pointer doubling and contraction, until no edge is left.
     hook      every node takes its smallest smaller neighbour as parent
     flatten   parent := parent of parent, until nobody moves, so every parent is a root
     contract  both ends of each edge become their roots; loops and repeats go
   Exact for every graph and independent of row order: a round is a function of the edge set. Two
   rounds leave at most half of the nodes that still have an edge, so rounds grow with log(nodes);
   real identity graphs take three to five. Sources: Shiloach and Vishkin, An O(log n) parallel
   connectivity algorithm, 1982; docs/decisions/0003-connected-components-in-sql.md.

   The finished table replaces the old one by a rename; a failure before that leaves the old one. #}
{% materialization connected_components, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set finished_relation = make_intermediate_relation(target_relation) -%}
    {%- set backup_relation = make_backup_relation(target_relation, 'table') -%}
    {{ drop_relation_if_exists(load_cached_relation(finished_relation)) }}
    {{ drop_relation_if_exists(load_cached_relation(backup_relation)) }}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set scratch = namespace(round=0, hooks=[], edges=none) -%}
    {%- set scratch.edges = _components_scratch('edges', 0, _distinct_edges(sql)) -%}
    {%- for _ in range(200) -%}
        {%- set edge_count = _components_count(scratch.edges, 'true') -%}
        {%- do log('connected_components ' ~ this.identifier ~ ': round ' ~ scratch.round ~ ', ' ~ edge_count ~ ' edges', info=false) -%}
        {%- if edge_count == 0 -%}{%- break -%}{%- endif -%}
        {%- if loop.last -%}
            {{ exceptions.raise_compiler_error('connected_components ' ~ this ~ ': edges are left after 200 rounds, which no graph needs. Nothing was replaced. Report this as a bug.') }}
        {%- endif -%}
        {%- set hooks = _components_flatten(scratch.edges, scratch.round) -%}
        {%- do scratch.hooks.append(hooks) -%}
        {%- set scratch.round = scratch.round + 1 -%}
        {%- set contracted = _components_scratch('edges', scratch.round, _contracted_edges(scratch.edges, hooks)) -%}
        {%- do run_query('drop table ' ~ scratch.edges) -%}
        {%- set scratch.edges = contracted -%}
    {%- endfor -%}

    {%- set labels = _components_compose(scratch.hooks) -%}
    {% call statement('main') -%}
        {{ create_table_as(False, finished_relation, _component_rows(labels)) }}
    {%- endcall %}
    {%- do run_query('drop table ' ~ labels) -%}
    {%- do run_query('drop table ' ~ scratch.edges) -%}

    {% if existing_relation is not none %}
        {{ adapter.rename_relation(existing_relation, backup_relation) }}
    {% endif %}
    {{ adapter.rename_relation(finished_relation, target_relation) }}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ drop_relation_if_exists(backup_relation) }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{# Replace a scratch table of this run. Returns the relation. #}
{% macro _components_scratch(what, round, query) -%}
    {%- set relation = make_temp_relation(this, '__' ~ what ~ '_' ~ round) -%}
    {%- do run_query('drop table if exists ' ~ relation.include(database=false, schema=false)) -%}
    {%- do run_query(create_table_as(True, relation, query)) -%}
    {{ return(relation.include(database=false, schema=false)) }}
{%- endmacro %}

{# Rows of a scratch table that meet a condition. Returns a whole number. #}
{% macro _components_count(relation, condition) -%}
    {%- set answer = run_query('select count(*) as row_count from ' ~ relation ~ ' where ' ~ condition) -%}
    {{ return(answer.columns[0].values()[0] | int) }}
{%- endmacro %}

{# Each edge once, from its greater node to its smaller. #}
{% macro _distinct_edges(query) %}
    select distinct
        case when left_node_id > right_node_id then left_node_id else right_node_id end as greater_node_id,
        case when left_node_id > right_node_id then right_node_id else left_node_id end as smaller_node_id
    from ({{ query }}) as given_edges
    where left_node_id <> right_node_id
{% endmacro %}

{# Hook every node to its smallest smaller neighbour and double pointers until all parents are roots. #}
{% macro _components_flatten(edges, round) -%}
    {%- set pointers = namespace(step=0, relation=none) -%}
    {%- set pointers.relation = _components_scratch('hooks_0', round, 'select greater_node_id as node_id, min(smaller_node_id) as parent_id, true as has_moved from ' ~ edges ~ ' group by greater_node_id') -%}
    {%- for _ in range(100) -%}
        {%- set pointers.step = pointers.step + 1 -%}
        {%- set doubled = _components_scratch('hooks_' ~ pointers.step, round, _doubled_pointers(pointers.relation)) -%}
        {%- do run_query('drop table ' ~ pointers.relation) -%}
        {%- set pointers.relation = doubled -%}
        {%- if _components_count(doubled, 'has_moved') == 0 -%}{%- break -%}{%- endif -%}
    {%- endfor -%}
    {{ return(pointers.relation) }}
{%- endmacro %}

{% macro _doubled_pointers(pointers) %}
    select
        near.node_id,
        coalesce(far.parent_id, near.parent_id) as parent_id,
        far.parent_id is not null as has_moved
    from {{ pointers }} as near
    left join {{ pointers }} as far on near.parent_id = far.node_id
{% endmacro %}

{# The edges between the roots that are left. #}
{% macro _contracted_edges(edges, hooks) %}
    select distinct
        case when left_root > right_root then left_root else right_root end as greater_node_id,
        case when left_root > right_root then right_root else left_root end as smaller_node_id
    from (
        select
            greater_hook.parent_id as left_root,
            coalesce(smaller_hook.parent_id, edges.smaller_node_id) as right_root
        from {{ edges }} as edges
        inner join {{ hooks }} as greater_hook on edges.greater_node_id = greater_hook.node_id
        left join {{ hooks }} as smaller_hook on edges.smaller_node_id = smaller_hook.node_id
    ) as contracted
    where left_root <> right_root
{% endmacro %}

{# Follow the roots of the first round through all later rounds. Returns a scratch table node_id, parent_id. #}
{% macro _components_compose(hooks) -%}
    {%- set composed = namespace(labels=none) -%}
    {%- set composed.labels = _components_scratch('labels', hooks | length, 'select cast(null as ' ~ dbt.type_bigint() ~ ') as node_id, cast(null as ' ~ dbt.type_bigint() ~ ') as parent_id where false') -%}
    {%- for hook in hooks | reverse -%}
        {%- set labels = _components_scratch('labels', loop.revindex0, _composed_labels(hook, composed.labels)) -%}
        {%- do run_query('drop table ' ~ composed.labels) -%}
        {%- do run_query('drop table ' ~ hook) -%}
        {%- set composed.labels = labels -%}
    {%- endfor -%}
    {{ return(composed.labels) }}
{%- endmacro %}

{% macro _composed_labels(hook, labels) %}
    select
        hook.node_id,
        coalesce(labels.parent_id, hook.parent_id) as parent_id
    from {{ hook }} as hook
    left join {{ labels }} as labels on hook.parent_id = labels.node_id
    union all
    select
        labels.node_id,
        labels.parent_id
    from {{ labels }} as labels
{% endmacro %}

{# Every hooked node with its root, and every root with itself. #}
{% macro _component_rows(labels) %}
    select
        node_id,
        parent_id as component_id
    from {{ labels }}
    union all
    select distinct
        parent_id as node_id,
        parent_id as component_id
    from {{ labels }}
{% endmacro %}

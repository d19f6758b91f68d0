{# Connected components of a graph, solved by rounds of SQL statements that run at once.

   Args: name (text, makes the scratch names unique where one model solves several graphs),
   edges_query (select with whole-number columns left_node_id and right_node_id; any order, repeats and
   loops allowed).
   Returns: the name of a temporary table with one row per node that has an edge to another node: node_id,
   and component_id, the smallest node id that it is connected to. The caller drops it by drop_scratch.
   Example: {%- set solved = solve_components('all', 'select left_node_id, right_node_id from edges') -%}

   Call it from a materialization or a hook, never from a model's text: it creates tables.

   Algorithm: rounds of oriented min-hooking, pointer jumping and contraction, until no edge is left.
     hook      every node takes its smallest smaller neighbour as parent
     flatten   parent := parent of parent, until every parent is a root
     contract  both ends of each edge become their roots; loops and repeats go
   Exact for every graph and independent of row order: a round is a function of the edge set. Two
   rounds leave at most half of the nodes that still have an edge, so rounds grow with log(nodes);
   real identity graphs take three to five. Sources: Shiloach and Vishkin, An O(log n) parallel
   connectivity algorithm, 1982; docs/decisions/0003-connected-components-in-sql.md. #}
{% macro solve_components(name, edges_query) -%}
    {%- set state = namespace(edges=none, hooks=[]) -%}
    {%- set state.edges = create_scratch(name ~ '_edges_0', _oriented_edges(edges_query)) -%}
    {%- for round in range(200) -%}
        {%- set hooks = create_scratch(name ~ '_hooks_' ~ round ~ '_0', _hooked_nodes(state.edges)) -%}
        {%- set counts = _pointer_counts(hooks) -%}
        {%- do log('solve_components ' ~ this.identifier ~ ' ' ~ name ~ ': round ' ~ round ~ ' hooks ' ~ counts.nodes ~ ' nodes', info=false) -%}
        {%- if counts.nodes == 0 -%}
            {%- do drop_scratch(hooks) -%}
            {%- break -%}
        {%- endif -%}
        {%- if loop.last -%}
            {{ exceptions.raise_compiler_error('solve_components ' ~ name ~ ' on ' ~ this ~ ': edges are left after 200 rounds, which no graph needs. Nothing was replaced. Report this as a bug.') }}
        {%- endif -%}
        {%- set flat = _flattened(name ~ '_hooks_' ~ round, hooks, counts.open_nodes) -%}
        {%- do state.hooks.append(flat) -%}
        {%- set contracted = create_scratch(name ~ '_edges_' ~ (round + 1), _contracted_edges(state.edges, flat)) -%}
        {%- do drop_scratch(state.edges) -%}
        {%- set state.edges = contracted -%}
    {%- endfor -%}
    {%- do drop_scratch(state.edges) -%}
    {{ return(_components_from(name, state.hooks)) }}
{%- endmacro %}

{# Create or replace a temporary table of this model.

   Args: name (text, unique among the scratch tables that this model holds at a time), query (select).
   Returns: the name to use in SQL. #}
{% macro create_scratch(name, query) -%}
    {%- set relation = make_temp_relation(this, '__' ~ name) -%}
    {%- set sql_name = relation.include(database=false, schema=false) | string -%}
    {%- do drop_scratch(sql_name) -%}
    {%- do run_query(create_table_as(True, relation, query)) -%}
    {{ return(sql_name) }}
{%- endmacro %}

{# Drop a temporary table, if it is there.

   Args: relation (what create_scratch or solve_components returned). Returns: nothing. #}
{% macro drop_scratch(relation) -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
{%- endmacro %}

{# Each edge from its greater node to its smaller. Repeats stay: the first round's hooks are a minimum
   all the same, and looking for repeats costs as much as a fifth of the whole solve. #}
{% macro _oriented_edges(query) %}
    select
        case when left_node_id > right_node_id then left_node_id else right_node_id end as greater_node_id,
        case when left_node_id > right_node_id then right_node_id else left_node_id end as smaller_node_id
    from ({{ query }}) as given_edges
    where left_node_id <> right_node_id
{% endmacro %}

{# Every node that has a smaller neighbour, hooked to the smallest and moved on by one jump. A node that
   could not jump has a root as its parent; one that did may have, and is open. #}
{% macro _hooked_nodes(edges) %}
    with hooks as (
        select
            greater_node_id as node_id,
            min(smaller_node_id) as parent_id
        from {{ edges }}
        group by greater_node_id
    )

    select
        near.node_id,
        coalesce(far.parent_id, near.parent_id) as parent_id,
        far.parent_id is not null as is_open
    from hooks as near
    left join hooks as far on near.parent_id = far.node_id
{% endmacro %}

{# How many pointers there are, and how many of them are open: one scan for both questions. #}
{% macro _pointer_counts(pointers) -%}
    {%- set answer = run_query('select count(*) as nodes, count(case when is_open then 1 end) as open_nodes from ' ~ pointers) -%}
    {{ return({'nodes': answer.columns[0].values()[0] | int, 'open_nodes': answer.columns[1].values()[0] | int}) }}
{%- endmacro %}

{# Double the open pointers until none is left. Returns the scratch table; the one given is gone. #}
{% macro _flattened(name, pointers, open_nodes) -%}
    {%- set state = namespace(pointers=pointers, open_nodes=open_nodes) -%}
    {%- for step in range(1, 100) -%}
        {%- if state.open_nodes == 0 -%}{%- break -%}{%- endif -%}
        {%- set doubled = create_scratch(name ~ '_' ~ step, _doubled_pointers(state.pointers)) -%}
        {%- do drop_scratch(state.pointers) -%}
        {%- set state.pointers = doubled -%}
        {%- set state.open_nodes = _pointer_counts(doubled).open_nodes -%}
    {%- endfor -%}
    {{ return(state.pointers) }}
{%- endmacro %}

{# Settled pointers are copied, so that only the open ones take part in the join. A parent that is not
   hooked is a root; the parent of a settled parent is a root too. #}
{% macro _doubled_pointers(pointers) %}
    select
        node_id,
        parent_id,
        is_open
    from {{ pointers }}
    where not is_open
    union all
    select
        near.node_id,
        coalesce(far.parent_id, near.parent_id) as parent_id,
        coalesce(far.is_open, false) as is_open
    from (select * from {{ pointers }} where is_open) as near
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

{# Follow the roots of the first round through all later rounds, and add the roots that stayed. Starts
   at the last round, whose table is the smallest. Returns the scratch table; the hooks are gone. #}
{% macro _components_from(name, hooks) -%}
    {%- set state = namespace(labels=none) -%}
    {%- for hook in hooks | reverse -%}
        {%- if not loop.last -%}
            {%- set labels = create_scratch(name ~ '_labels_' ~ loop.revindex0, _composed_labels(hook, state.labels)) -%}
            {%- do _drop_all([hook, state.labels]) -%}
            {%- set state.labels = labels -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set components = create_scratch(name, _component_rows(hooks[0], state.labels)) -%}
    {%- do _drop_all([hooks[0], state.labels]) -%}
    {{ return(components) }}
{%- endmacro %}

{% macro _drop_all(relations) -%}
    {%- for relation in relations if relation -%}
        {%- do drop_scratch(relation) -%}
    {%- endfor -%}
{%- endmacro %}

{# Every node that is hooked in a round or later, with its root in the last round. #}
{% macro _composed_labels(hook, labels) %}
    {%- if not labels %}
    select
        node_id,
        parent_id
    from {{ hook }}
    {%- else %}
    select
        hook.node_id,
        coalesce(labels.parent_id, hook.parent_id) as parent_id
    from {{ hook }} as hook
    left join {{ labels }} as labels on hook.parent_id = labels.node_id
    union all
    select
        node_id,
        parent_id
    from {{ labels }}
    {%- endif %}
{% endmacro %}

{# Every hooked node with its root, and every root with itself. #}
{% macro _component_rows(hook, labels) %}
    {%- if not hook %}
    select
        cast(null as {{ dbt.type_bigint() }}) as node_id,
        cast(null as {{ dbt.type_bigint() }}) as component_id
    where false
    {%- else %}
    with labels as ({{ _composed_labels(hook, labels) }})

    select
        node_id,
        parent_id as component_id
    from labels
    union all
    select distinct
        parent_id as node_id,
        parent_id as component_id
    from labels
    {%- endif %}
{% endmacro %}

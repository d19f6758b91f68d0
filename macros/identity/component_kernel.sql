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
    {%- set state = namespace(edges=create_scratch(name ~ '_edges_0', _oriented_edges(edges_query)), hooks=[]) -%}
    {%- for round in range(200) -%}
        {%- set hooks = _flat_hooks(name ~ '_hooks_' ~ round, state.edges) -%}
        {%- do log('solve_components ' ~ this.identifier ~ ' ' ~ name ~ ': round ' ~ round ~ ' hooks ' ~ hooks.nodes ~ ' nodes', info=false) -%}
        {%- if hooks.nodes == 0 -%}
            {%- do _run_all(_drop_statements([hooks.pointers, state.edges])) -%}
            {%- break -%}
        {%- endif -%}
        {%- if loop.last -%}
            {{ exceptions.raise_compiler_error('solve_components ' ~ name ~ ' on ' ~ this ~ ': edges are left after 200 rounds, which no graph needs. Nothing was replaced. Report this as a bug.') }}
        {%- endif -%}
        {%- do state.hooks.append(hooks.pointers) -%}
        {%- set contracted = _scratch_relation(name ~ '_edges_' ~ (round + 1)) -%}
        {%- do _run_all([create_table_as(True, contracted, _contracted_edges(state.edges, hooks.pointers))] + _drop_statements([state.edges])) -%}
        {%- set state.edges = _scratch_name(contracted) -%}
    {%- endfor -%}
    {{ return(_components_from(name, state.hooks)) }}
{%- endmacro %}

{# Create or replace a temporary table of this model.

   Args: name (text, unique among the scratch tables that this model holds at a time), query (select).
   Returns: the name to use in SQL. #}
{% macro create_scratch(name, query) -%}
    {%- set relation = _scratch_relation(name) -%}
    {%- do _run_all(_drop_statements([_scratch_name(relation)]) + [create_table_as(True, relation, query)]) -%}
    {{ return(_scratch_name(relation)) }}
{%- endmacro %}

{# Drop a temporary table, if it is there.

   Args: relation (what create_scratch or solve_components returned). Returns: nothing. #}
{% macro drop_scratch(relation) -%}
    {%- do _run_all(_drop_statements([relation])) -%}
{%- endmacro %}

{% macro _scratch_relation(name) -%}
    {{ return(make_temp_relation(this, '__' ~ name)) }}
{%- endmacro %}

{# A temporary table is in no schema that the project knows. #}
{% macro _scratch_name(relation) -%}
    {{ return(relation.include(database=false, schema=false) | string) }}
{%- endmacro %}

{% macro _drop_statements(names) -%}
    {%- set statements = [] -%}
    {%- for name in names if name -%}
        {%- do statements.append('drop table if exists ' ~ name) -%}
    {%- endfor -%}
    {{ return(statements) }}
{%- endmacro %}

{# Run statements in one call, because a call costs dbt as long as a hundred thousand rows cost DuckDB.
   Returns what the last one gives. DuckDB and Postgres take several statements at once. #}
{% macro _run_all(statements) -%}
    {%- set trimmed = [] -%}
    {%- for statement in statements -%}
        {%- do trimmed.append((statement | trim).rstrip(';')) -%}
    {%- endfor -%}
    {{ return(run_query(trimmed | join(';\n'))) }}
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

{# Hook every node to its smallest smaller neighbour, and jump until every parent is a root. Returns the
   scratch table `pointers` (node_id, parent_id, is_open) and how many `nodes` it has. #}
{% macro _flat_hooks(name, edges) -%}
    {%- set state = namespace(pointers=none, nodes=0, open_nodes=none) -%}
    {%- for step in range(100) -%}
        {%- set relation = _scratch_relation(name ~ '_' ~ step) -%}
        {%- set query = _jumped_pointers(state.pointers) if state.pointers else _hooked_nodes(edges) -%}
        {%- set counts = _run_all([create_table_as(True, relation, query)] + _drop_statements([state.pointers]) + [_pointer_counts(_scratch_name(relation))]) -%}
        {%- set state.pointers = _scratch_name(relation) -%}
        {%- set state.nodes = counts.columns[0].values()[0] | int -%}
        {%- set state.open_nodes = counts.columns[1].values()[0] | int -%}
        {%- if state.open_nodes == 0 -%}{%- break -%}{%- endif -%}
    {%- endfor -%}
    {{ return({'pointers': state.pointers, 'nodes': state.nodes}) }}
{%- endmacro %}

{# How many pointers there are, and how many of them are open: one scan for both questions. #}
{% macro _pointer_counts(pointers) %}
    select
        count(*) as nodes,
        count(case when is_open then 1 end) as open_nodes
    from {{ pointers }}
{% endmacro %}

{# Every node that has a smaller neighbour, hooked to the smallest, after three jumps: chains of eight,
   beyond which few real graphs go. A pointer that could not jump ends at a root; one that did is open. #}
{% macro _hooked_nodes(edges) %}
    with hooked as (
        select
            greater_node_id as node_id,
            min(smaller_node_id) as parent_id
        from {{ edges }}
        group by greater_node_id
    ),

    jumped_once as (
        select
            near.node_id,
            coalesce(far.parent_id, near.parent_id) as parent_id,
            far.parent_id is not null as is_open
        from hooked as near
        left join hooked as far on near.parent_id = far.node_id
    ),

    jumped_twice as ({{ _jump('jumped_once') }})

    {{ _jump('jumped_twice') }}
{% endmacro %}

{% macro _jumped_pointers(pointers) %}
    with jumped_once as ({{ _jump(pointers) }})

    {{ _jump('jumped_once') }}
{% endmacro %}

{# Double the open pointers. The others are copied, so that only the open ones take part in the join. A
   parent that is not hooked is a root; the parent of a settled pointer is a root too. #}
{% macro _jump(pointers) %}
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

{# The edges between the roots that are left. Looks up the greater ends first and forgets what became a
   loop, so that half of the edges need no second look-up. Every greater end has a pointer; the left join
   and the coalesce keep planners from turning the two look-ups round. #}
{% macro _contracted_edges(edges, pointers) %}
    select distinct
        case when left_root > right_root then left_root else right_root end as greater_node_id,
        case when left_root > right_root then right_root else left_root end as smaller_node_id
    from (
        select
            near.left_root,
            coalesce(pointers.parent_id, near.smaller_node_id) as right_root
        from (
            select
                coalesce(pointers.parent_id, edges.greater_node_id) as left_root,
                edges.smaller_node_id
            from {{ edges }} as edges
            left join {{ pointers }} as pointers on edges.greater_node_id = pointers.node_id
            where edges.smaller_node_id <> coalesce(pointers.parent_id, edges.greater_node_id)
        ) as near
        left join {{ pointers }} as pointers on near.smaller_node_id = pointers.node_id
    ) as contracted
    where left_root <> right_root
{% endmacro %}

{# Follow the roots of the first round through all later rounds, and add the roots that stayed. Starts
   at the last round, whose table is the smallest. Returns the scratch table; the hooks are gone. #}
{% macro _components_from(name, hooks) -%}
    {%- set state = namespace(labels=hooks[-1]) -%}
    {%- for hook in hooks[1:-1] | reverse -%}
        {%- set relation = _scratch_relation(name ~ '_labels_' ~ loop.index) -%}
        {%- do _run_all([create_table_as(True, relation, _composed_labels(hook, state.labels))] + _drop_statements([hook, state.labels])) -%}
        {%- set state.labels = _scratch_name(relation) -%}
    {%- endfor -%}
    {%- set components = create_scratch(name, _component_rows(hooks[0], state.labels)) -%}
    {%- do _run_all(_drop_statements([hooks[0], state.labels])) if hooks -%}
    {{ return(components) }}
{%- endmacro %}

{# Every node that is hooked in this round or later, with its root in the last round. #}
{% macro _composed_labels(hook, labels) %}
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
{% endmacro %}

{# Every hooked node with its root, and every root with itself. #}
{% macro _component_rows(hook, labels) %}
    {%- if not hook %}
    select
        cast(null as {{ dbt.type_bigint() }}) as node_id,
        cast(null as {{ dbt.type_bigint() }}) as component_id
    where false
    {%- else %}
    with labels as (
        {%- if hook == labels %}
        select
            node_id,
            parent_id
        from {{ hook }}
        {%- else -%}
        {{ _composed_labels(hook, labels) }}
        {%- endif %}
    )

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

{# A table of connected components, from a model whose query gives the edges of a graph.

   The model selects two whole-number columns, left_node_id and right_node_id, in any order, with
   repeats and loops allowed. The table has one row per node that has an edge: node_id and
   component_id, the smallest node id that it is connected to. So when node ids are handed out in
   the order in which identifiers were first seen, a component is named after its oldest identifier.
   How it is solved: solve_components.

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

    {%- set components = solve_components('components', sql) -%}
    {% call statement('main') -%}
        {{ create_table_as(False, finished_relation, 'select node_id, component_id from ' ~ components) }}
    {%- endcall %}
    {%- do drop_scratch(components) -%}

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

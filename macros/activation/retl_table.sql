{# One of the tables that syncs keep their record in, which are made by the first sync and not by dbt.

   Args: name (sync_runs, sync_outcomes, sync_rejected, sync_snapshot).
   Returns: the relation; none where nothing was sent yet. #}
{% macro retl_table(name) -%}
    {%- if not execute -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(load_relation(api.Relation.create(database=target.database, schema='retl', identifier=name))) }}
{%- endmacro %}

{# The plans that are in the warehouse: the rows that runs are about to send, or were.

   Returns: a list of table names, plan__<sync>. #}
{% macro retl_plans() -%}
    {%- if not execute or retl_table('sync_runs') is none -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set names = [] -%}
    {%- for relation in adapter.list_relations_without_caching(
        api.Relation.create(database=target.database, schema='retl')
    ) -%}
        {%- if relation.identifier.startswith('plan__') -%}
            {%- do names.append(relation.identifier) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(names | sort) }}
{%- endmacro %}

{# No row: what a test of a table reads that is not there yet. Returns: a select statement. #}
{% macro nothing_to_test() -%}
    select 1 as nothing
    from (select 1 as nothing) as no_rows
    where 1 = 0
{%- endmacro %}

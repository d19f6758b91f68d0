{# One of the tables that syncs keep their record in, which are made by the first sync and not by dbt.

   Args: name (sync_runs, sync_outcomes, sync_rejected, sync_snapshot, plan__<sync>).
   Returns: the relation; none where nothing was sent yet. #}
{% macro retl_table(name) -%}
    {%- if not execute -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(load_relation(api.Relation.create(database=target.database, schema='retl', identifier=name))) }}
{%- endmacro %}

{# The plans that are in the warehouse: the rows that the project's syncs are about to send, or were.

   Returns: a list of names of syncs that have one. #}
{% macro syncs_with_a_plan() -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- for exposure in graph.exposures.values() -%}
            {%- if exposure.config.meta.sync is defined and retl_table('plan__' ~ exposure.name) is not none -%}
                {%- do names.append(exposure.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(names | sort) }}
{%- endmacro %}

{# No row: what a test of a table reads that is not there yet. Returns: a select statement. #}
{% macro nothing_to_test() -%}
    select 1 as nothing
    from (select 1 as nothing) as no_rows
    where 1 = 0
{%- endmacro %}

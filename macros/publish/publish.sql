{# Publishing on a warehouse server: copies of the public tables in schemas of their own, which readers may keep
   open while a build rewrites what they were made from. For DuckDB `kenning build` writes a file instead
   (warehouse/publish.py).

   Run after a green build: dbt run-operation publish --profiles-dir . #}
{% macro publish() -%}
    {%- set tables = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.access == 'public' -%}
        {%- set relation = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
        {%- if relation is not none and node.fqn[1] in ['identity', 'core', 'audiences'] -%}
            {%- set columns = [] -%}
            {%- for column in adapter.get_columns_in_relation(relation) if column.name not in ['changed_run', 'recheck_at'] -%}
                {%- do columns.append(column.name) -%}
            {%- endfor -%}
            {%- do tables.append({'schema': node.schema, 'name': node.alias, 'columns': columns}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for statement in publish_statements(tables) -%}
        {%- do run_query(statement) -%}
    {%- endfor -%}
    {%- do run_query('commit') -%}
    {{- log('published ' ~ tables | length ~ ' tables', info=true) -}}
{%- endmacro %}

{# What publishes these tables, in order.

   Args: tables (list of {schema, name, columns}; a schema `core` is published as `published_core`).
   Returns: a list of statements. Wherever schemas can be renamed, all tables change at one instant; elsewhere each
   table does by itself. A reader sees the old rows of a table or the new ones, and holds up no build. #}
{% macro publish_statements(tables) -%}
    {{ return(adapter.dispatch('publish_statements', 'kenning')(tables)) }}
{%- endmacro %}

{% macro default__publish_statements(tables) -%}
    {%- set statements = [] -%}
    {%- for schema in tables | map(attribute='schema') | unique -%}
        {%- do statements.append('create schema if not exists published_' ~ schema) -%}
    {%- endfor -%}
    {%- for table in tables -%}
        {%- do statements.append('create or replace table published_' ~ table.schema ~ '.' ~ table.name ~ ' as ' ~ _published_rows(table)) -%}
    {%- endfor -%}
    {{ return(statements) }}
{%- endmacro %}

{# The tables that were published before are kept until the next time, for whoever is still reading them; the next
   time waits for such a reader. #}
{% macro postgres__publish_statements(tables) -%}
    {%- set schemas = tables | map(attribute='schema') | unique | list -%}
    {%- set statements = [] -%}
    {%- for schema in schemas -%}
        {%- do statements.append('drop schema if exists published_' ~ schema ~ '__before cascade') -%}
        {%- do statements.append('drop schema if exists published_' ~ schema ~ '__next cascade') -%}
        {%- do statements.append('create schema published_' ~ schema ~ '__next') -%}
    {%- endfor -%}
    {%- for table in tables -%}
        {%- set copy = 'published_' ~ table.schema ~ '__next.' ~ table.name -%}
        {%- do statements.append('create table ' ~ copy ~ ' as ' ~ _published_rows(table)) -%}
        {%- if 'customer_id' in table.columns -%}
            {%- do statements.append('create index on ' ~ copy ~ ' (customer_id)') -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do statements.append(_swapped_schemas(schemas)) -%}
    {{ return(statements) }}
{%- endmacro %}

{% macro _swapped_schemas(schemas) -%}
    do $publish$
    begin
    {%- for schema in schemas %}
        if exists (select 1 from information_schema.schemata where schema_name = 'published_{{ schema }}') then
            alter schema published_{{ schema }} rename to published_{{ schema }}__before;
        end if;
        alter schema published_{{ schema }}__next rename to published_{{ schema }};
    {%- endfor %}
    end
    $publish$
{%- endmacro %}

{% macro _published_rows(table) -%}
    select {{ table.columns | join(', ') }} from {{ table.schema }}.{{ table.name }}
{%- endmacro %}

{# The rows of one raw table, with exactly the columns that its _x__sources.yml documents.

   A source that is off (vars.sources) reads as an empty table; a table or column that the loader does
   not land (vars.not_landed) reads as empty, or as null. So staging and everything downstream of it is
   the same SQL in every company. In a unit test it reads the given rows as they are: dbt hides the YAML there
   and has already given them every column of the raw table.

   Args:
       source_name, table_name: as in source(). Every column needs a data_type in the YAML:
           text, bigint, double, boolean, timestamp or date.
   Returns: a select statement, to stand inside a CTE.
   Example: with source as ({{ source_rows('shopify', 'customer') }}) #}
{% macro source_rows(source_name, table_name) -%}
    {%- if not execute -%}
        select 1 as not_parsed_yet
        {%- if _is_landed(source_name, table_name) -%}{%- do source(source_name, table_name) -%}{%- endif -%}
    {%- elif model.resource_type == 'unit_test' -%}
        select
            unit_test_rows.*,
            0 as _source_digest
        from {{ source(source_name, table_name) }} as unit_test_rows
    {%- else -%}
        {%- set changed = changed_source_rows() if _is_landed(source_name, table_name) else none -%}
        {%- if changed is none -%}
    {{ raw_rows(source_name, table_name) }}
        {%- else -%}
    select raw_rows.*
    from ({{ raw_rows(source_name, table_name) }}) as raw_rows
            {%- set key = config.get('meta', {}).get('source_key') %}
    where
            {%- if key %}
        raw_rows.{{ source_column(key) }} is null
        or {{ source_key_bucket('raw_rows.' ~ source_column(key)) }} in (select changed.bucket from {{ changed }} as changed)
            {%- else %}
        raw_rows._source_digest in (select changed.source_digest from {{ changed }} as changed)
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# All rows of one raw table, each with its _source_digest. Args: as for source_rows. Returns: a select statement. #}
{% macro raw_rows(source_name, table_name) -%}
    {%- set table = source_name ~ '.' ~ table_name -%}
    {%- set absent = var('not_landed') -%}
    {%- set relation = source(source_name, table_name) if _is_landed(source_name, table_name) else none -%}
    {%- set nodes = graph.sources.values()
        | selectattr('source_name', 'equalto', source_name)
        | selectattr('name', 'equalto', table_name) | list -%}
    {%- if nodes | length != 1 -%}
        {{- exceptions.raise_compiler_error(
            "source_rows('" ~ source_name ~ "', '" ~ table_name ~ "'): no such table in models/staging/"
            ~ source_name ~ "/_" ~ source_name ~ "__sources.yml. Describe it there."
        ) -}}
    {%- endif -%}
    {%- set digested = [] -%}
    select
        {%- for column in nodes[0].columns.values() %}
        {% if relation is none or (table ~ '.' ~ column.name) in absent -%}
            cast(null as {{ source_type(column.data_type, table ~ '.' ~ column.name) }}) as {{ source_column(column.name) }},
        {%- else -%}
            {%- do digested.append(source_column(column.name)) -%}
            {{ source_column(column.name) }},
        {%- endif -%}
        {%- endfor %}
        {{ source_digest(digested) }} as _source_digest

    {% if relation is not none -%}
    from {{ relation }}
    {%- else -%}
    from (select 1 as nothing) as no_rows
    where false
    {%- endif -%}
{%- endmacro %}

{% macro _is_landed(source_name, table_name) -%}
    {{ return(source_name in var('sources') and (source_name ~ '.' ~ table_name) not in var('not_landed')) }}
{%- endmacro %}

{# The engine's name of a documented source type.

   Args: data_type (text, bigint, double, boolean, timestamp, date), column (for the message).
   Returns: a type name. #}
{% macro source_type(data_type, column) -%}
    {%- set names = {
        'text': dbt.type_string(),
        'bigint': dbt.type_bigint(),
        'double': dbt.type_float(),
        'boolean': dbt.type_boolean(),
        'timestamp': dbt.type_timestamp(),
        'date': 'date',
    } -%}
    {%- if data_type not in names -%}
        {{- exceptions.raise_compiler_error(
            "Column " ~ column ~ " has data_type '" ~ data_type ~ "'. Use one of: " ~ names.keys() | join(', ') ~ "."
        ) -}}
    {%- endif -%}
    {{- names[data_type] -}}
{%- endmacro %}

{# A raw column's name, quoted because loaders use words like "index" and "timestamp".

   Args: name (as the YAML has it, lower case).
   Returns: a quoted identifier. Snowflake keeps unquoted names, and so a loader's, in upper case. #}
{% macro source_column(name) -%}
    {{ return(adapter.dispatch('source_column', 'kenning')(name)) }}
{%- endmacro %}

{% macro default__source_column(name) -%}
    {{ adapter.quote(name) }}
{%- endmacro %}

{% macro snowflake__source_column(name) -%}
    {{ adapter.quote(name | upper) }}
{%- endmacro %}

{# One row per part of a list that a column holds as text.

   Args:
       relation: name of a CTE or table.
       key: column that is kept beside each part.
       list: column with the parts, e.g. "12;15;19". Null gives no row.
       separator: one character.
       part: name of the resulting column.
   Returns: a select statement with the columns key and part, to stand inside a CTE.
   Example: {{ split_rows('contacts', 'hubspot_contact_id', 'merged_contact_ids', ';', 'merged_contact_id') }} #}
{% macro split_rows(relation, key, list, separator, part) -%}
    {%- if not execute -%}
        {#- Parsing and linting need a select statement, but no engine's. -#}
        select {{ relation }}.{{ key }}, {{ relation }}.{{ list }} as {{ part }} from {{ relation }}
    {%- else -%}
        {{ return(adapter.dispatch('split_rows', 'kenning')(relation, key, list, separator, part)) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__split_rows(relation, key, list, separator, part) -%}
    select
        {{ relation }}.{{ key }},
        parts.{{ part }}

    from {{ relation }}
    cross join lateral unnest(string_to_array({{ relation }}.{{ list }}, '{{ separator }}')) as parts ({{ part }})
{%- endmacro %}

{% macro duckdb__split_rows(relation, key, list, separator, part) -%}
    select
        {{ relation }}.{{ key }},
        unnest(string_split({{ relation }}.{{ list }}, '{{ separator }}')) as {{ part }}

    from {{ relation }}
{%- endmacro %}

{% macro spark__split_rows(relation, key, list, separator, part) -%}
    select
        {{ relation }}.{{ key }},
        explode(split({{ relation }}.{{ list }}, '[{{ separator }}]')) as {{ part }}

    from {{ relation }}
{%- endmacro %}

{% macro snowflake__split_rows(relation, key, list, separator, part) -%}
    select
        {{ relation }}.{{ key }},
        parts.value as {{ part }}

    from {{ relation }}
    cross join lateral split_to_table({{ relation }}.{{ list }}, '{{ separator }}') as parts
{%- endmacro %}

{% macro bigquery__split_rows(relation, key, list, separator, part) -%}
    select
        {{ relation }}.{{ key }},
        {{ part }}

    from {{ relation }}
    cross join unnest(split({{ relation }}.{{ list }}, '{{ separator }}')) as {{ part }}
{%- endmacro %}

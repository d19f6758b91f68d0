{# A text with every match of a regular expression replaced.

   Args:
       value (SQL expression of a text).
       pattern: a literal, written as for regexp_captured.
       replacement: a literal; $1 and $2 stand for what the first and second parenthesis matched.
   Returns: a text expression. Example: {{ regexp_replaced('local_part', '[.]', '') }}
   Engines write the reference to a group as \1, \\1 or $1. #}
{% macro regexp_replaced(value, pattern, replacement) -%}
    {{ return(adapter.dispatch('regexp_replaced', 'kenning')(value, pattern, replacement)) }}
{%- endmacro %}

{% macro default__regexp_replaced(value, pattern, replacement) -%}
    regexp_replace({{ value }}, {{ _pattern_literal(pattern) }}, '{{ replacement | replace("$", "\\") }}', 'g')
{%- endmacro %}

{% macro spark__regexp_replaced(value, pattern, replacement) -%}
    regexp_replace({{ value }}, {{ _pattern_literal(pattern) }}, '{{ replacement }}')
{%- endmacro %}

{% macro snowflake__regexp_replaced(value, pattern, replacement) -%}
    regexp_replace({{ value }}, {{ _pattern_literal(pattern | replace('(?:', '(')) }}, '{{ replacement | replace("$", "\\\\") }}')
{%- endmacro %}

{% macro bigquery__regexp_replaced(value, pattern, replacement) -%}
    regexp_replace({{ value }}, {{ _pattern_literal(pattern) }}, '{{ replacement | replace("$", "\\\\") }}')
{%- endmacro %}

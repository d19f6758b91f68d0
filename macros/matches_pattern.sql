{# Whether a text matches a regular expression somewhere.

   Args: text, pattern (SQL expressions). Returns: a boolean expression, null when either is null.
   Patterns of the shipped seeds keep to what POSIX and RE2 share. #}
{% macro matches_pattern(text, pattern) -%}
    {{ return(adapter.dispatch('matches_pattern', 'kenning')(text, pattern)) }}
{%- endmacro %}

{% macro default__matches_pattern(text, pattern) -%}
    {{ text }} ~ {{ pattern }}
{%- endmacro %}

{% macro duckdb__matches_pattern(text, pattern) -%}
    regexp_matches({{ text }}, {{ pattern }})
{%- endmacro %}

{% macro spark__matches_pattern(text, pattern) -%}
    {{ text }} rlike {{ pattern }}
{%- endmacro %}

{# Snowflake's rlike wants the whole text to match. #}
{% macro snowflake__matches_pattern(text, pattern) -%}
    regexp_instr({{ text }}, {{ pattern }}) > 0
{%- endmacro %}

{% macro bigquery__matches_pattern(text, pattern) -%}
    regexp_contains({{ text }}, {{ pattern }})
{%- endmacro %}

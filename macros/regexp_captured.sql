{# The part of a text that the first parenthesis of a regular expression matches.

   Args:
       value (SQL expression of a text).
       pattern: a literal in the syntax that POSIX, RE2 and Java share: no backslashes, [.] for a dot,
           (?:...) for every later group, which therefore never comes before the captured one.
   Returns: a text expression; null when nothing matches.
   Example: {{ regexp_captured('page_url', '[?&]gclid=([^&#]+)') }}
   Engines name the function differently; Snowflake has no (?:...) and counts groups instead. #}
{% macro regexp_captured(value, pattern) -%}
    {{ return(adapter.dispatch('regexp_captured', 'kenning')(value, pattern)) }}
{%- endmacro %}

{% macro default__regexp_captured(value, pattern) -%}
    substring({{ value }} from {{ _pattern_literal(pattern) }})
{%- endmacro %}

{% macro duckdb__regexp_captured(value, pattern) -%}
    nullif(regexp_extract({{ value }}, {{ _pattern_literal(pattern) }}, 1), '')
{%- endmacro %}

{% macro spark__regexp_captured(value, pattern) -%}
    nullif(regexp_extract({{ value }}, {{ _pattern_literal(pattern) }}, 1), '')
{%- endmacro %}

{% macro snowflake__regexp_captured(value, pattern) -%}
    regexp_substr({{ value }}, {{ _pattern_literal(pattern | replace('(?:', '(')) }}, 1, 1, 'e', 1)
{%- endmacro %}

{% macro bigquery__regexp_captured(value, pattern) -%}
    regexp_extract({{ value }}, {{ _pattern_literal(pattern) }})
{%- endmacro %}

{% macro _pattern_literal(pattern) -%}
    '{{ dbt.escape_single_quotes(pattern) }}'
{%- endmacro %}

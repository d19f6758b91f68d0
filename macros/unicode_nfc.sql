{# A text with letters and their accents composed (Unicode normal form C), so that equal names are equal bytes.

   Args: value (SQL expression of a text).
   Returns: a text expression. Example: {{ unicode_nfc('last_name') }}
   Spark and Snowflake have no such function: there a name stays as it was sent. #}
{% macro unicode_nfc(value) -%}
    {{ return(adapter.dispatch('unicode_nfc', 'kenning')(value)) }}
{%- endmacro %}

{% macro default__unicode_nfc(value) -%}
    normalize({{ value }}, nfc)
{%- endmacro %}

{% macro duckdb__unicode_nfc(value) -%}
    nfc_normalize({{ value }})
{%- endmacro %}

{% macro spark__unicode_nfc(value) -%}
    {{ value }}
{%- endmacro %}

{% macro snowflake__unicode_nfc(value) -%}
    {{ value }}
{%- endmacro %}

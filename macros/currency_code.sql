{# A currency as three capitals (ISO 4217), or null when the text is none.

   Args: column (SQL expression of a text).
   Returns: a text expression. Example: {{ currency_code('currency') }} as normalized_currency #}
{% macro currency_code(column) -%}
    {{ return(adapter.dispatch('currency_code', 'kenning')(column)) }}
{%- endmacro %}

{% macro default__currency_code(column) -%}
    {{ regexp_captured('upper(' ~ trimmed_text(column) ~ ')', '^([A-Z]{3})$') }}
{%- endmacro %}

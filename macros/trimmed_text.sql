{# A value as text without the blanks around it; blank text is null.

   Args: value (SQL expression of any type).
   Returns: a text expression. Example: {{ trimmed_text('store_id') }} as store_id #}
{% macro trimmed_text(value) -%}
    {{ return(adapter.dispatch('trimmed_text', 'kenning')(value)) }}
{%- endmacro %}

{% macro default__trimmed_text(value) -%}
    nullif(trim(cast({{ value }} as {{ dbt.type_string() }})), '')
{%- endmacro %}

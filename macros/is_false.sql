{# Whether a source says no; null and absent are not no.

   Args: column (SQL expression that casts to a boolean).
   Returns: a boolean expression, never null. Example: {{ is_false('livemode') }} as is_test #}
{% macro is_false(column) -%}
    not coalesce(cast({{ column }} as {{ dbt.type_boolean() }}), true)
{%- endmacro %}

{# Whether a source says yes; null and absent are no.

   Args: column (SQL expression that casts to a boolean).
   Returns: a boolean expression, never null. Example: {{ is_true('_fivetran_deleted') }} as is_deleted #}
{% macro is_true(column) -%}
    coalesce(cast({{ column }} as {{ dbt.type_boolean() }}), false)
{%- endmacro %}

{# The customer_id that a customer anchored on an identifier bears: the same text on every engine.

   Args: identifier_type, identifier_value (SQL expressions of texts).
   Returns: a text expression, 'c_' and 32 lower-case hexadecimal digits. #}
{% macro customer_id_of(identifier_type, identifier_value) -%}
    'c_' || {{ dbt.hash(identifier_type ~ " || '|' || " ~ identifier_value) }}
{%- endmacro %}

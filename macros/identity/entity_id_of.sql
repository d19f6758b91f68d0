{# The id that a customer, or another entity, named after an identifier bears: the same text on every engine.

   Args: prefix, identifier_type, identifier_value (SQL expressions of texts).
   Returns: a text expression, the prefix and 32 lower-case hexadecimal digits. #}
{% macro entity_id_of(prefix, identifier_type, identifier_value) -%}
    {{ prefix }} || {{ dbt.hash(identifier_type ~ " || '|' || " ~ identifier_value) }}
{%- endmacro %}

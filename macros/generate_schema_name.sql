{# A model lands in the schema its folder names, without a target prefix, so that a BI tool
   sees core.dim_customers on every engine.

   Args: custom_schema_name (string or none), node (dict).
   Returns: the schema name. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{- (custom_schema_name or target.schema) | trim -}}
{%- endmacro %}

{# The rank of an identifier type in vars.identifier_types: 1 is the strongest.

   Args: type_column (SQL expression of a text).
   Returns: a case expression, a whole number. #}
{% macro identifier_priority(type_column) -%}
    case {{ type_column }}
    {%- for entry in var('identifier_types') %}
        when '{{ entry.type }}' then {{ loop.index }}
    {%- endfor %}
        else {{ var('identifier_types') | length + 1 }}
    end
{%- endmacro %}

{# The type whose blocking rules hold for an identifier type: its own, or what blocked_as says.

   Args: type_column (SQL expression of a text).
   Returns: a text expression. #}
{% macro blocked_as(type_column) -%}
    {%- set entries = var('identifier_types') | selectattr('blocked_as', 'defined') | list -%}
    {%- if entries -%}
    case {{ type_column }}
    {%- for entry in entries %}
        when '{{ entry.type }}' then '{{ entry.blocked_as }}'
    {%- endfor %}
        else {{ type_column }}
    end
    {%- else -%}
    {{ type_column }}
    {%- endif -%}
{%- endmacro %}

{# The limit rules of vars.identifier_types, flat.

   Returns: a list of {type, linked_type, limit}, in the order of the variable. #}
{% macro max_linked_rules() -%}
    {%- set rules = [] -%}
    {%- for entry in var('identifier_types') -%}
        {%- for linked_type, limit in entry.get('max_linked', {}).items() -%}
            {%- do rules.append({'type': entry.type, 'linked_type': linked_type, 'limit': limit}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(rules) }}
{%- endmacro %}

{# The identifier columns of one entry of vars.identifier_sources, checked.

   Args: entry (dict with model and identifiers).
   Returns: a list of {column, type}.
   Errors: a type that vars.identifier_types does not list. #}
{% macro identifier_columns(entry) -%}
    {%- set known = var('identifier_types') | map(attribute='type') | list -%}
    {%- set given = entry.identifiers -%}
    {%- set columns = [] -%}
    {%- for column in given -%}
        {%- set type = given[column] if given is mapping else column -%}
        {%- if type not in known -%}
            {{- exceptions.raise_compiler_error(
                "identifier_sources, " ~ entry.model ~ ": column '" ~ column ~ "' has the identifier type '" ~ type
                ~ "', which identifier_types does not list. Known: " ~ known | join(', ')
                ~ ". Correct it in dbt_project.yml under vars."
            ) -}}
        {%- endif -%}
        {%- do columns.append({'column': column, 'type': type}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

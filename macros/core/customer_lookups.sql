{# Joins that find the customer of a row by its identifiers; resolved_customer_id reads them.

   A shared identifier attributes nothing: it does not say which of its people acted.

   Args: rows (alias of the rows), identifier_types (list; each is also the name of the column), identities (name of
   a CTE with the rows of identity_map to look in; all of it without).
   Returns: left joins to identity_map, one per type; none multiplies rows, since an identifier has one customer.
   Example:
       select {{ resolved_customer_id(['user_id', 'anonymous_id']) }} as customer_id
       from pages {{ customer_lookups('pages', ['user_id', 'anonymous_id']) }} #}
{% macro customer_lookups(rows, identifier_types, identities=none) -%}
    {%- for identifier_type in identifier_types %}
    left join {{ identities or ref('identity_map') }} as by_{{ identifier_type }}
        on
            by_{{ identifier_type }}.identifier_type = '{{ identifier_type }}'
            and {{ rows }}.{{ identifier_type }} = by_{{ identifier_type }}.identifier_value
            and not by_{{ identifier_type }}.is_shared
    {%- endfor %}
{%- endmacro %}

{# The customer that the first of these identifiers names.

   Args: identifier_types (list, the most telling first), as given to customer_lookups.
   Returns: a text expression; null when no identifier is known.
   Errors: no identifier type is given. #}
{% macro resolved_customer_id(identifier_types) -%}
    {%- if not identifier_types -%}
        {{- exceptions.raise_compiler_error(
            "resolved_customer_id: no identifier type is given. Name the columns that tell the customer; "
            ~ "in vars.profile_sources of dbt_project.yml they are identified_by."
        ) -}}
    {%- endif -%}
    {%- if identifier_types | length == 1 -%}
    by_{{ identifier_types[0] }}.customer_id
    {%- else -%}
    coalesce({% for identifier_type in identifier_types %}by_{{ identifier_type }}.customer_id{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}

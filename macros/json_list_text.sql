{# A JSON list of plain words as text: "necessary, statistics".

   Args: column (SQL expression of a JSON list of texts without commas, brackets or quotes).
   Returns: a text expression in the order of the list; null for null and for an empty list.
   Example: {{ json_list_text('consent_scopes') }} as scopes #}
{% macro json_list_text(column) -%}
    replace(
        nullif(
            replace(replace(replace(replace({{ trimmed_text(column) }}, '[', ''), ']', ''), '"', ''), ' ', ''),
            ''
        ),
        ',',
        ', '
    )
{%- endmacro %}

{# The first of several columns that holds more than blanks, as text.

   Args: columns (list of SQL expressions, the preferred one first).
   Returns: a text expression; null when all are blank.
   Example: {{ first_text(['mailing_country_code', 'mailing_country']) }} #}
{% macro first_text(columns) -%}
    coalesce(
        {%- for column in columns %}{{ trimmed_text(column) }}{{ ', ' if not loop.last }}{% endfor -%}
    )
{%- endmacro %}

{# How often each column of a staging model could be read, and how often not: <column>_valid, <column>_invalid.

   Args: columns (list; each one that the model gives to rejected_columns).
   Returns: a select list of aggregates. Example: select {{ rejection_counts(['email']) }} from stg_till__sales #}
{% macro rejection_counts(columns) -%}
    {%- for column in columns -%}
        count({{ column }}) as {{ column }}_valid,
        sum(case when ' ' || _rejected_columns || ' ' like '% {{ column }} %' then 1 else 0 end) as {{ column }}_invalid
        {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}

{# Every value matches a regular expression; null passes.

   Args: pattern (anchor it with ^ and $; written as for the macro regexp_captured). #}
{% test matches_pattern(model, column_name, pattern) %}
    select {{ column_name }}

    from {{ model }}
    where not ({{ matches_pattern(column_name, "'" ~ dbt.escape_single_quotes(pattern) ~ "'") }})
{% endtest %}

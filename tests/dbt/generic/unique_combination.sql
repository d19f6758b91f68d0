{# No two rows of the model agree in all of these columns; two nulls count as the same.

   Args: columns (list of column names). #}
{% test unique_combination(model, columns) %}

    select
        {{ columns | join(', ') }},
        count(*) as row_count

    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1

{% endtest %}

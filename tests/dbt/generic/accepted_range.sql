{# Every value lies between two bounds, both included; null passes.

   Args: min_value, max_value (SQL expressions; at least one of them). #}
{% test accepted_range(model, column_name, min_value=none, max_value=none) %}

    select
        {{ column_name }}
        {{- exceptions.raise_compiler_error(
            "accepted_range on " ~ model.identifier ~ "." ~ column_name
            ~ ": give min_value, max_value, or both."
        ) if min_value is none and max_value is none }}

    from {{ model }}
    where
        {{ column_name }} < {{ min_value if min_value is not none else 'null' }}
        or {{ column_name }} > {{ max_value if max_value is not none else 'null' }}

{% endtest %}

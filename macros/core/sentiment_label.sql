{# What a sentiment score says in a word.

   Args: score (SQL expression of a number from -1 to 1). Returns: a text expression; null without a score. #}
{% macro sentiment_label(score) -%}
    cast(
            case
                when {{ score }} >= {{ var('sentiment_neutral_within') }} then 'positive'
                when {{ score }} <= -{{ var('sentiment_neutral_within') }} then 'negative'
                when {{ score }} is not null then 'neutral'
            end as {{ dbt.type_string() }}
        )
{%- endmacro %}

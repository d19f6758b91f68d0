{# One row per word of a text, numbered from 1; words are parted by single spaces.

   Args: relation (a CTE), key (column that is kept beside each word), text (column), word, index (resulting columns).
   Returns: a select statement with the columns key, index and word, to stand inside a CTE.
   Example: {{ numbered_words('cleaned', 'comment_id', 'body', 'word', 'word_index') }} #}
{% macro numbered_words(relation, key, text, word, index) -%}
    {%- if not execute -%}
        {#- Parsing and linting need a select statement, but no engine's. -#}
        select {{ relation }}.{{ key }}, 1 as {{ index }}, {{ relation }}.{{ text }} as {{ word }} from {{ relation }}
    {%- else -%}
        {{ return(adapter.dispatch('numbered_words', 'kenning')(relation, key, text, word, index)) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__numbered_words(relation, key, text, word, index) -%}
    select
        {{ relation }}.{{ key }},
        parts.{{ index }},
        parts.{{ word }}

    from {{ relation }}
    cross join lateral unnest(string_to_array({{ relation }}.{{ text }}, ' ')) with ordinality as parts ({{ word }}, {{ index }})
{%- endmacro %}

{# Two lists of the same length side by side. #}
{% macro duckdb__numbered_words(relation, key, text, word, index) -%}
    select
        {{ relation }}.{{ key }},
        unnest(range(1, len(string_split({{ relation }}.{{ text }}, ' ')) + 1)) as {{ index }},
        unnest(string_split({{ relation }}.{{ text }}, ' ')) as {{ word }}

    from {{ relation }}
{%- endmacro %}

{% macro spark__numbered_words(relation, key, text, word, index) -%}
    select
        {{ relation }}.{{ key }},
        parts.position + 1 as {{ index }},
        parts.part as {{ word }}

    from {{ relation }}
    lateral view posexplode(split({{ relation }}.{{ text }}, ' ')) parts as position, part
{%- endmacro %}

{% macro snowflake__numbered_words(relation, key, text, word, index) -%}
    select
        {{ relation }}.{{ key }},
        parts.index as {{ index }},
        parts.value as {{ word }}

    from {{ relation }}
    cross join lateral split_to_table({{ relation }}.{{ text }}, ' ') as parts
{%- endmacro %}

{% macro bigquery__numbered_words(relation, key, text, word, index) -%}
    select
        {{ relation }}.{{ key }},
        position + 1 as {{ index }},
        {{ word }}

    from {{ relation }}
    cross join unnest(split({{ relation }}.{{ text }}, ' ')) as {{ word }} with offset as position
{%- endmacro %}

{# A text in lower case with its punctuation as words of their own: "Thanks! It works" becomes "thanks . it works".

   Args: text (SQL expression of a text). Returns: a text expression.
   Example: {{ spaced_clauses('comments.body') }} as words_text #}
{% macro spaced_clauses(text) -%}
    {{ return(adapter.dispatch('spaced_clauses', 'kenning')(text)) }}
{%- endmacro %}

{% macro default__spaced_clauses(text) -%}
    {{ regexp_replaced(
        "replace(replace(lower(" ~ text ~ "), chr(10), ' . '), '’', chr(39))", '[.,;:!?()]+', ' . '
    ) }}
{%- endmacro %}

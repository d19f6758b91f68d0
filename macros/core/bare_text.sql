{# A text reduced to what counts when two spellings are compared: lower case, without blanks and punctuation.
   Letters of every script and their accents stay.

   Args: value (SQL expression of a text).
   Returns: a text expression. Example: {{ bare_text('address_street') }} #}
{% macro bare_text(value) -%}
    {{ return(adapter.dispatch('bare_text', 'kenning')(value)) }}
{%- endmacro %}

{% macro default__bare_text(value) -%}
    {{ regexp_replaced('lower(' ~ value ~ ')', '[' ~ blank_characters() ~ '.,;:/#()_-]+', '') }}
{%- endmacro %}

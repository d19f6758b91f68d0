{# A person's or company's name: composed accents, single blanks, none around it. Case and diacritics stay.

   A name of nothing but digits and punctuation ("-", "?", "0000") is null.

   Args: column (SQL expression of a text).
   Returns: a text expression. Example: {{ normalized_name('first_name') }} as normalized_first_name #}
{% macro normalized_name(column) -%}
    {{ return(adapter.dispatch('normalized_name', 'kenning')(column)) }}
{%- endmacro %}

{% macro default__normalized_name(column) -%}
    {%- set name = 'trim(' ~ regexp_replaced(unicode_nfc(trimmed_text(column)), '[' ~ blank_characters() ~ ']+', ' ') ~ ')' -%}
    {{ regexp_captured(name, '^([-0-9 .,:;?!*_/+#]*[^-0-9 .,:;?!*_/+#].*)$') }}
{%- endmacro %}

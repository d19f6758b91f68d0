{# A whole number from 0 to 16,777,215 that is drawn once and for all for a text and a salt: evenly spread, the same
   on every engine and in every run, and telling nothing about the number for another salt.

   The first six digits of an MD5 digest, read as a number digit by digit, which every engine can.
   Args: expression (SQL expression of a text), salt (string, not yet quoted). Returns: a whole-number expression. #}
{% macro draw_number(expression, salt) -%}
    {%- set salted = text_literal(salt ~ ' ') | trim ~ ' || ' ~ expression -%}
    {%- set digits = [] -%}
    {%- for place in range(6) -%}
        {%- set digit = 'substring(' ~ md5_hex(salted) | trim ~ ', ' ~ (place + 1) ~ ', 1)' -%}
        {%- set value = '(' ~ text_position(digit, "'0123456789abcdef'") | trim ~ ' - 1)' -%}
        {%- do digits.append(value ~ ' * ' ~ 16 ** (5 - place)) -%}
    {%- endfor -%}
    {{ return('(' ~ digits | join(' + ') ~ ')') }}
{%- endmacro %}

{# The MD5 digest of a text, in 32 lower-case hexadecimal digits.

   Args: text (SQL expression). Returns: a text expression. #}
{% macro md5_hex(text) -%}
    {{ return(adapter.dispatch('md5_hex', 'kenning')(text)) }}
{%- endmacro %}

{% macro default__md5_hex(text) -%}
    md5({{ text }})
{%- endmacro %}

{# BigQuery's digest is bytes. #}
{% macro bigquery__md5_hex(text) -%}
    to_hex(md5({{ text }}))
{%- endmacro %}

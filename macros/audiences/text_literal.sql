{# A text as a literal that means the same on every engine, whatever the text holds.

   Args: text (string): any text, not yet quoted.
   Returns: a literal in quotes.
   Example: {{ text_literal("O'Neill") }} is 'O''Neill'
   Engines that read a backslash in a literal as the start of an escape double it. #}
{% macro text_literal(text) -%}
    {{ return(adapter.dispatch('text_literal', 'kenning')(text)) }}
{%- endmacro %}

{# The quote is doubled; a backslash is a backslash. #}
{% macro default__text_literal(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}

{# A backslash begins an escape, and so is doubled as well. #}
{% macro snowflake__text_literal(text) -%}
    '{{ text | replace("\\", "\\\\") | replace("'", "''") }}'
{%- endmacro %}

{# A doubled quote is not one quote in every version, so both are escaped by a backslash. #}
{% macro spark__text_literal(text) -%}
    '{{ text | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- endmacro %}

{# As on Spark. #}
{% macro bigquery__text_literal(text) -%}
    '{{ text | replace("\\", "\\\\") | replace("'", "\\'") | replace("\n", "\\n") }}'
{%- endmacro %}

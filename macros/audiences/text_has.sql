{# Whether a text has another in it: anywhere, at its start or at its end, character by character.

   No pattern is made of the other text, so no character of it means anything but itself.
   Args: column (SQL expression of a text), part (contains, starts_with or ends_with), text (string, not yet quoted),
   ignores_case (boolean): whether upper and lower case are the same.
   Returns: a boolean expression, null when the column is.
   Example: {{ text_has('customers.email', 'ends_with', '@example.com') }} #}
{% macro text_has(column, part, text, ignores_case=false) -%}
    {%- set literal = text_literal(text) | trim -%}
    {%- if ignores_case -%}
        {%- set literal = 'lower(' ~ literal ~ ')' -%}
        {%- set column = 'lower(' ~ column ~ ')' -%}
    {%- endif -%}
    {%- if part == 'contains' -%}
        {{ return(text_position(literal, column) | trim ~ ' > 0') }}
    {%- elif part == 'starts_with' -%}
        {{ return('substring(' ~ column ~ ', 1, length(' ~ literal ~ ')) = ' ~ literal) }}
    {%- elif part == 'ends_with' -%}
        {{ return('right(' ~ column ~ ', length(' ~ literal ~ ')) = ' ~ literal) }}
    {%- else -%}
        {{- exceptions.raise_compiler_error("text_has: part is '" ~ part ~ "'. Use contains, starts_with or ends_with.") -}}
    {%- endif -%}
{%- endmacro %}

{# Where a text first stands in another, from 1; 0 where it does not.

   Args: part, whole (SQL expressions of texts). Returns: a whole-number expression. #}
{% macro text_position(part, whole) -%}
    {{ return(adapter.dispatch('text_position', 'kenning')(part, whole)) }}
{%- endmacro %}

{% macro default__text_position(part, whole) -%}
    position({{ part }} in {{ whole }})
{%- endmacro %}

{% macro bigquery__text_position(part, whole) -%}
    strpos({{ whole }}, {{ part }})
{%- endmacro %}

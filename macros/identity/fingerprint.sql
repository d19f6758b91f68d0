{# 128 bits that tell a text from every other: md5, in the type that the engine compares fastest.

   Args: text (SQL expression of a text that is not null).
   Returns: an expression to group and join by, never to show: its type differs from engine to engine. #}
{% macro fingerprint(text) -%}
    {{ return(adapter.dispatch('fingerprint', 'kenning')(text)) }}
{%- endmacro %}

{% macro default__fingerprint(text) -%}
    md5({{ text }})
{%- endmacro %}

{% macro duckdb__fingerprint(text) -%}
    md5_number({{ text }})
{%- endmacro %}

{% macro postgres__fingerprint(text) -%}
    cast(md5({{ text }}) as uuid)
{%- endmacro %}

{# Whether a text is one of a list of a variable's.

   Args: text (SQL expression), values (list of texts, which may be empty).
   Returns: a boolean expression, never null. Example: {{ is_listed('event_name', ['order_completed']) }} #}
{% macro is_listed(text, values) -%}
    {%- if values -%}
    coalesce({{ text }} in ({% for value in values %}{{ text_literal(value) }}{{ ', ' if not loop.last }}{% endfor %}), false)
    {%- else -%}
    false
    {%- endif -%}
{%- endmacro %}

{# Whether a text begins with one of a list of a variable's.

   Args: text (SQL expression), prefixes (list of texts that are not empty).
   Returns: a boolean expression, never null. #}
{% macro begins_with(text, prefixes) -%}
    {%- if prefixes -%}
    coalesce({% for prefix in prefixes %}left({{ text }}, {{ prefix | length }}) = {{ text_literal(prefix) }}{{ ' or ' if not loop.last }}{% endfor %}, false)
    {%- else -%}
    false
    {%- endif -%}
{%- endmacro %}

{# The instant a number of hours after as_of, or before it.

   Args: hours (integer): negative for an instant before as_of.
   Returns: a timestamp expression, UTC, without a time zone.
   Example: carts.last_activity_at < {{ hours_from_now(-6) }} #}
{% macro hours_from_now(hours) -%}
    {%- if hours is not integer -%}
        {{- exceptions.raise_compiler_error("hours_from_now(" ~ hours ~ "): give a whole number of hours.") -}}
    {%- endif -%}
    {{- return(adapter.dispatch('hours_from_now', 'kenning')(hours)) -}}
{%- endmacro %}

{# The number stands in quotes, as the standard has it. #}
{% macro default__hours_from_now(hours) -%}
    {{ as_of() }} + interval '{{ hours }}' hour
{%- endmacro %}

{# The unit stands inside the quotes. #}
{% macro snowflake__hours_from_now(hours) -%}
    {{ as_of() }} + interval '{{ hours }} hour'
{%- endmacro %}

{# The number stands without quotes. #}
{% macro bigquery__hours_from_now(hours) -%}
    {{ as_of() }} + interval {{ hours }} hour
{%- endmacro %}

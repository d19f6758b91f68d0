{# The instant a number of days of 24 hours before as_of.

   Args: days (integer): 0 or more.
   Returns: a timestamp expression, UTC, without a time zone.
   Example: customers.last_ordered_at < {{ days_ago(180) }} #}
{% macro days_ago(days) -%}
    {%- if days is not integer or days < 0 -%}
        {{- exceptions.raise_compiler_error(
            "days_ago(" ~ days ~ "): give a whole number of days, 0 or more."
        ) -}}
    {%- endif -%}
    {{- return(adapter.dispatch('days_ago', 'kenning')(days)) -}}
{%- endmacro %}

{# The number stands in quotes, as the standard has it. #}
{% macro default__days_ago(days) -%}
    {{ as_of() }} - interval '{{ days }}' day
{%- endmacro %}

{# The unit stands inside the quotes. #}
{% macro snowflake__days_ago(days) -%}
    {{ as_of() }} - interval '{{ days }} day'
{%- endmacro %}

{# The number stands without quotes. #}
{% macro bigquery__days_ago(days) -%}
    {{ as_of() }} - interval {{ days }} day
{%- endmacro %}

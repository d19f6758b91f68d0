{# The day that a UTC timestamp falls on somewhere.

   Args: utc_time (SQL expression of a timestamp without zone), time_zone (SQL expression of an IANA name).
   Returns: a date expression. Example: {{ local_date('occurred_at', "'Europe/Amsterdam'") }} #}
{% macro local_date(utc_time, time_zone) -%}
    {{ return(adapter.dispatch('local_date', 'kenning')(utc_time, time_zone)) }}
{%- endmacro %}

{% macro default__local_date(utc_time, time_zone) -%}
    cast(cast({{ utc_time }} as timestamp) at time zone 'UTC' at time zone {{ time_zone }} as date)
{%- endmacro %}

{% macro spark__local_date(utc_time, time_zone) -%}
    cast(from_utc_timestamp(cast({{ utc_time }} as timestamp), {{ time_zone }}) as date)
{%- endmacro %}

{% macro snowflake__local_date(utc_time, time_zone) -%}
    cast(convert_timezone('UTC', {{ time_zone }}, cast({{ utc_time }} as timestamp_ntz)) as date)
{%- endmacro %}

{% macro bigquery__local_date(utc_time, time_zone) -%}
    date({{ utc_time }}, {{ time_zone }})
{%- endmacro %}

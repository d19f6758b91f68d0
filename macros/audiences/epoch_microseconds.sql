{# Microseconds since 1970 of a UTC timestamp, as a whole number: the order of events, and the time between them.

   Args: utc_time (SQL expression of a timestamp without zone).
   Returns: a whole-number expression of 64 bits. Example: {{ epoch_microseconds('occurred_at') }} #}
{% macro epoch_microseconds(utc_time) -%}
    {{ return(adapter.dispatch('epoch_microseconds', 'kenning')(utc_time)) }}
{%- endmacro %}

{% macro default__epoch_microseconds(utc_time) -%}
    cast(extract(epoch from {{ utc_time }}) * 1000000 as bigint)
{%- endmacro %}

{# extract(epoch) is a floating point number here, and loses microseconds. #}
{% macro duckdb__epoch_microseconds(utc_time) -%}
    epoch_us({{ utc_time }})
{%- endmacro %}

{% macro spark__epoch_microseconds(utc_time) -%}
    unix_micros(cast({{ utc_time }} as timestamp))
{%- endmacro %}

{% macro snowflake__epoch_microseconds(utc_time) -%}
    date_part(epoch_microsecond, {{ utc_time }})
{%- endmacro %}

{% macro bigquery__epoch_microseconds(utc_time) -%}
    unix_micros({{ utc_time }})
{%- endmacro %}

{# Seconds since 1970, with their fraction, of a UTC timestamp.

   Args: utc_time (SQL expression of a timestamp without zone).
   Returns: an expression of 64-bit floating point, which dbt's type_float is not everywhere. Example: {{ epoch_seconds('occurred_at') }} #}
{% macro epoch_seconds(utc_time) -%}
    {{ return(adapter.dispatch('epoch_seconds', 'kenning')(utc_time)) }}
{%- endmacro %}

{% macro default__epoch_seconds(utc_time) -%}
    cast(extract(epoch from {{ utc_time }}) as double precision)
{%- endmacro %}

{% macro spark__epoch_seconds(utc_time) -%}
    cast(unix_micros(cast({{ utc_time }} as timestamp)) / 1e6 as double)
{%- endmacro %}

{% macro snowflake__epoch_seconds(utc_time) -%}
    cast(date_part(epoch_microsecond, {{ utc_time }}) / 1e6 as float)
{%- endmacro %}

{% macro bigquery__epoch_seconds(utc_time) -%}
    unix_micros({{ utc_time }}) / 1e6
{%- endmacro %}

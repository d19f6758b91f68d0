{# The day of the week that a UTC timestamp falls on somewhere: 1 is Monday, 7 Sunday.

   Counted from a Monday, because engines differ in how they number days.
   Args: utc_time (SQL expression of a timestamp without zone), time_zone (SQL expression of an IANA name).
   Returns: a whole-number expression. Example: {{ local_weekday('occurred_at', "'Europe/Amsterdam'") }} in (6, 7) #}
{% macro local_weekday(utc_time, time_zone) -%}
    {{ return(adapter.dispatch('local_weekday', 'kenning')(utc_time, time_zone)) }}
{%- endmacro %}

{% macro default__local_weekday(utc_time, time_zone) -%}
    extract(isodow from {{ local_date(utc_time, time_zone) }})
{%- endmacro %}

{# Spark's weekday begins with 0 on Monday. #}
{% macro spark__local_weekday(utc_time, time_zone) -%}
    weekday({{ local_date(utc_time, time_zone) }}) + 1
{%- endmacro %}

{% macro snowflake__local_weekday(utc_time, time_zone) -%}
    dayofweekiso({{ local_date(utc_time, time_zone) }})
{%- endmacro %}

{# BigQuery's week begins with 1 on Sunday. #}
{% macro bigquery__local_weekday(utc_time, time_zone) -%}
    mod(extract(dayofweek from {{ local_date(utc_time, time_zone) }}) + 5, 7) + 1
{%- endmacro %}

{# The hour that a clock somewhere shows at a UTC timestamp, 0 to 23.

   Args: utc_time (SQL expression of a timestamp without zone), time_zone (SQL expression of an IANA name).
   Returns: a whole-number expression. Example: {{ local_hour('occurred_at', "'Europe/Amsterdam'") }} >= 18 #}
{% macro local_hour(utc_time, time_zone) -%}
    {{ return(adapter.dispatch('local_hour', 'kenning')(utc_time, time_zone)) }}
{%- endmacro %}

{% macro default__local_hour(utc_time, time_zone) -%}
    extract(hour from cast({{ utc_time }} as timestamp) at time zone 'UTC' at time zone {{ time_zone }})
{%- endmacro %}

{% macro spark__local_hour(utc_time, time_zone) -%}
    hour(from_utc_timestamp(cast({{ utc_time }} as timestamp), {{ time_zone }}))
{%- endmacro %}

{% macro snowflake__local_hour(utc_time, time_zone) -%}
    hour(convert_timezone('UTC', {{ time_zone }}, cast({{ utc_time }} as timestamp_ntz)))
{%- endmacro %}

{% macro bigquery__local_hour(utc_time, time_zone) -%}
    extract(hour from {{ utc_time }} at time zone {{ time_zone }})
{%- endmacro %}

{# A wall-clock time somewhere as a UTC timestamp without a zone.

   Args: local_time (SQL expression of a timestamp without zone, or of ISO 8601 text), time_zone (SQL expression
   of an IANA name, as Europe/Amsterdam).
   Returns: an expression of the engine's timestamp type.
   Example: {{ utc_from_local('sold_at_local', 'store_timezone') }}
   The hour that a clock shows twice in autumn is read as the engine reads it. #}
{% macro utc_from_local(local_time, time_zone) -%}
    {{ return(adapter.dispatch('utc_from_local', 'kenning')(local_time, time_zone)) }}
{%- endmacro %}

{% macro default__utc_from_local(local_time, time_zone) -%}
    cast(cast({{ local_time }} as timestamp) at time zone {{ time_zone }} at time zone 'UTC' as timestamp)
{%- endmacro %}

{% macro spark__utc_from_local(local_time, time_zone) -%}
    cast(to_utc_timestamp(cast({{ local_time }} as timestamp), {{ time_zone }}) as timestamp_ntz)
{%- endmacro %}

{% macro snowflake__utc_from_local(local_time, time_zone) -%}
    convert_timezone({{ time_zone }}, 'UTC', cast({{ local_time }} as timestamp_ntz))
{%- endmacro %}

{% macro bigquery__utc_from_local(local_time, time_zone) -%}
    timestamp(cast({{ local_time }} as datetime), {{ time_zone }})
{%- endmacro %}

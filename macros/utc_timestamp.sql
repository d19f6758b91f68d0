{# A point in time as a UTC timestamp without a zone.

   A value with a zone or an offset is converted; one without is UTC already, as every loader here lands it.

   Args: column (SQL expression of a timestamp, with or without zone, or of ISO 8601 text).
   Returns: an expression of the engine's timestamp type. Example: {{ utc_timestamp('created_at') }} as created_at
   Needs a session whose time zone is UTC, as profiles.yml sets it: a cast reads a value without zone in it. #}
{% macro utc_timestamp(column) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'kenning')(column)) }}
{%- endmacro %}

{% macro default__utc_timestamp(column) -%}
    cast(cast({{ column }} as timestamp with time zone) at time zone 'UTC' as timestamp)
{%- endmacro %}

{% macro spark__utc_timestamp(column) -%}
    {#- Spark's timestamp is a point in time already; timestamp_ntz is the one without a zone. -#}
    cast(cast({{ column }} as timestamp) as timestamp_ntz)
{%- endmacro %}

{% macro snowflake__utc_timestamp(column) -%}
    cast(convert_timezone('UTC', cast({{ column }} as timestamp_tz)) as timestamp_ntz)
{%- endmacro %}

{% macro bigquery__utc_timestamp(column) -%}
    {#- BigQuery's timestamp is always UTC. -#}
    cast({{ column }} as timestamp)
{%- endmacro %}

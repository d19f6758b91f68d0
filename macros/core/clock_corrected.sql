{# When an event happened, where the clock of the device that says so is wrong: as long before it was received as it
   was made before it was sent, by that same clock; when it was received, where the sending has no time.

   A clock is wrong that is ahead of the receipt by more than event_clock.ahead_seconds, or behind it by more than
   event_clock.behind_days (0: however far behind, it may have been offline so long).
   Args: occurred_at, sent_at, received_at (SQL expressions of timestamps).
   Returns: a timestamp expression; occurred_at itself where the clock is right, or the receipt unknown. #}
{% macro clock_corrected(occurred_at, sent_at, received_at) -%}
    {%- set clock = var('event_clock') -%}
    case
            when
                {{ occurred_at }} > {{ dbt.dateadd('second', clock.ahead_seconds, received_at) }}
                {%- if clock.behind_days > 0 %}
                or {{ occurred_at }} < {{ dbt.dateadd('day', -clock.behind_days, received_at) }}
                {%- endif %}
                then
                    case
                        when {{ sent_at }} >= {{ occurred_at }}
                            then {{ moved_by(received_at, occurred_at, sent_at) }}
                        else {{ received_at }}
                    end
            else {{ occurred_at }}
        end
{%- endmacro %}

{# A timestamp earlier by as much as lies between two others, to the fraction of a second.

   Args: instant, from_at, to_at (SQL expressions of timestamps).
   Returns: a timestamp expression: instant - (to_at - from_at). #}
{% macro moved_by(instant, from_at, to_at) -%}
    {{ return(adapter.dispatch('moved_by', 'kenning')(instant, from_at, to_at)) }}
{%- endmacro %}

{% macro default__moved_by(instant, from_at, to_at) -%}
    {{ instant }} - ({{ to_at }} - {{ from_at }})
{%- endmacro %}

{% macro snowflake__moved_by(instant, from_at, to_at) -%}
    timestampadd(microsecond, -timestampdiff(microsecond, {{ from_at }}, {{ to_at }}), {{ instant }})
{%- endmacro %}

{% macro bigquery__moved_by(instant, from_at, to_at) -%}
    timestamp_sub({{ instant }}, interval timestamp_diff({{ to_at }}, {{ from_at }}, microsecond) microsecond)
{%- endmacro %}

{# What every Segment message says of where its sender came from and when, as int_sessions__hits has it.

   Args: rows (alias of staged Segment rows).
   Returns: a comma-separated select list without a trailing comma. #}
{% macro segment_hit_columns(rows) -%}
    {%- set no_text = 'cast(null as ' ~ dbt.type_string() ~ ')' -%}
    {{ rows }}.referrer_url,
        {{ web_domain(rows ~ '.referrer_url') }} as referrer_host,
        {{ no_text }} as referrer_medium,
        {{ no_text }} as referrer_source,
        {{ no_text }} as referrer_term,
        {{ rows }}.utm_source,
        {{ rows }}.utm_medium,
        {{ rows }}.utm_campaign,
        {{ rows }}.utm_content,
        {{ rows }}.utm_term,
        coalesce({{ rows }}.gclid, {{ rows }}.fbclid) as click_id,
        case
            when {{ rows }}.gclid is not null then 'Google'
            when {{ rows }}.fbclid is not null then 'Meta'
        end as click_network,
        {{ rows }}.ip_address,
        {{ rows }}.user_agent,
        {{ rows }}.locale,
        {{ no_text }} as country_code,
        {{ no_text }} as region_name,
        {{ no_text }} as city,
        {{ no_text }} as tracker_session_index,
        {{ rows }}.occurred_at,
        {{ rows }}.received_at,
        {{ rows }}.sent_at,
        false as is_too_late
{%- endmacro %}

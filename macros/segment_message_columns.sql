{# The columns that every staged Segment table shares, so that eight models say them once.

   Args: page_url (SQL expression of the address that click ids are read from; none of the app's tables has one).
   Returns: a comma-separated select list without a trailing comma.
   Example: select {{ segment_message_columns() }}, name as screen_name from first_received #}
{% macro segment_message_columns(page_url='context_page_url') -%}
    {%- set app_libraries = [
        'analytics-android', 'analytics-flutter', 'analytics-ios', 'analytics-kotlin', 'analytics-react-native', 'analytics-swift',
    ] -%}
    -- keys
        {{ trimmed_text('id') }} as message_id,

        -- identifiers
        {{ trimmed_text('anonymous_id') }} as anonymous_id,
        {{ trimmed_text('user_id') }} as user_id,
        {{ trimmed_text('context_device_id') }} as device_id,

        -- where it happened
        {{ trimmed_text('context_ip') }} as ip_address,
        {{ trimmed_text('context_user_agent') }} as user_agent,
        {{ trimmed_text('context_locale') }} as locale,
        {{ trimmed_text('context_library_name') }} as library_name,
        {{ trimmed_text(page_url) }} as page_url,
        {{ trimmed_text('context_page_path') }} as page_path,
        {{ trimmed_text('context_page_referrer') }} as referrer_url,
        {{ trimmed_text('context_page_title') }} as page_title,

        -- what brought the visitor
        {{ trimmed_text('context_campaign_source') }} as utm_source,
        {{ trimmed_text('context_campaign_medium') }} as utm_medium,
        {{ trimmed_text('context_campaign_name') }} as utm_campaign,
        {{ trimmed_text('context_campaign_content') }} as utm_content,
        {{ trimmed_text('context_campaign_term') }} as utm_term,
        {{ url_parameter(page_url, 'gclid') }} as gclid,
        {{ url_parameter(page_url, 'fbclid') }} as fbclid,

        -- booleans
        coalesce({{ trimmed_text('context_library_name') }} in ('{{ app_libraries | join("', '") }}'), false) as is_app,

        -- timestamps
        coalesce(
            {{ utc_timestamp('timestamp') }},
            {{ utc_timestamp('original_timestamp') }},
            {{ utc_timestamp('received_at') }}
        ) as occurred_at,
        {{ utc_timestamp('received_at') }} as received_at,
        {{ utc_timestamp('sent_at') }} as sent_at
{%- endmacro %}

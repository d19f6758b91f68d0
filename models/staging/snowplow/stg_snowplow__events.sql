{{ config(meta={'source_key': 'event_id'}) }}

with

source as (

    {{ source_rows('snowplow', 'events') }}

),

-- The collector may get an event twice, and trackers have been seen to give two events one id: the
-- one received first stays.
ranked as (

    select
        source.*,
        -- a list of one page
        substring(
            source.contexts_com_snowplowanalytics_snowplow_web_page_1_0_0,
            2,
            length(source.contexts_com_snowplowanalytics_snowplow_web_page_1_0_0) - 2
        ) as web_page_json,
        count(*) over (partition by source.event_id) - 1 as duplicate_count,
        sum({{ summable_number('source._source_digest') }}) over (partition by source.event_id)
        - {{ summable_number('source._source_digest') }} as left_out_digest,
        row_number() over (
            partition by source.event_id
            order by
                source.collector_tstamp nulls last,
                source.derived_tstamp nulls last,
                source.dvce_created_tstamp nulls last,
                source.etl_tstamp nulls last,
                source._source_digest
        ) as copy_index

    from source

),

events as (

    select
        -- keys
        {{ trimmed_text('event_id') }} as event_id,

        -- identifiers
        {{ trimmed_text('domain_userid') }} as anonymous_id,
        {{ trimmed_text('user_id') }} as user_id,
        {{ trimmed_text('network_userid') }} as network_user_id,

        -- foreign keys
        {{ trimmed_text('domain_sessionid') }} as session_id,
        {{ json_text('web_page_json', 'id') }} as page_view_id,

        -- attributes
        {{ trimmed_text('event_name') }} as event_name,
        {{ trimmed_text('event') }} as event_kind,
        {{ trimmed_text('app_id') }} as app_id,
        {{ trimmed_text('platform') }} as platform,

        -- where it happened
        {{ trimmed_text('user_ipaddress') }} as ip_address,
        {{ trimmed_text('useragent') }} as user_agent,
        {{ trimmed_text('br_lang') }} as locale,
        {{ trimmed_text('dvce_type') }} as device_type,
        upper({{ trimmed_text('geo_country') }}) as country_code,
        {{ trimmed_text('geo_region_name') }} as region_name,
        {{ trimmed_text('geo_city') }} as city,
        {{ trimmed_text('page_url') }} as page_url,
        {{ trimmed_text('page_urlhost') }} as page_host,
        {{ trimmed_text('page_urlpath') }} as page_path,
        {{ trimmed_text('page_urlquery') }} as page_query,
        {{ trimmed_text('page_urlfragment') }} as page_fragment,
        {{ trimmed_text('page_title') }} as page_title,

        -- what brought the visitor
        {{ trimmed_text('page_referrer') }} as referrer_url,
        {{ trimmed_text('refr_urlhost') }} as referrer_host,
        {{ trimmed_text('refr_urlpath') }} as referrer_path,
        {{ trimmed_text('refr_medium') }} as referrer_medium,
        {{ trimmed_text('refr_source') }} as referrer_source,
        {{ trimmed_text('refr_term') }} as referrer_term,
        {{ trimmed_text('mkt_source') }} as utm_source,
        {{ trimmed_text('mkt_medium') }} as utm_medium,
        {{ trimmed_text('mkt_campaign') }} as utm_campaign,
        {{ trimmed_text('mkt_content') }} as utm_content,
        {{ trimmed_text('mkt_term') }} as utm_term,
        {{ trimmed_text('mkt_clickid') }} as click_id,
        {{ trimmed_text('mkt_network') }} as click_network,

        -- measures
        cast(domain_sessionidx as {{ dbt.type_bigint() }}) as session_index,

        -- timestamps
        coalesce(
            {{ utc_timestamp('derived_tstamp') }},
            {{ utc_timestamp('collector_tstamp') }}
        ) as occurred_at,
        {{ utc_timestamp('collector_tstamp') }} as received_at,
        {{ utc_timestamp('dvce_created_tstamp') }} as created_at,
        {{ utc_timestamp('dvce_sent_tstamp') }} as sent_at,

        -- bookkeeping
        event_id as _source_key,
        _source_digest,
        cast(duplicate_count as {{ dbt.type_bigint() }}) as _duplicate_count,
        left_out_digest as _left_out_digest,
        {{ utc_timestamp('load_tstamp') }} as _loaded_at

    from ranked
    where
        copy_index = 1
        and event_id is not null

)

select * from events

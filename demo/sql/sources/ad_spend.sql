-- What the ads cost per day. The networks count more clicks than the shop has visits: people leave
-- before the page has loaded. Landed once, after all people.

create or replace temp table campaign_day as
with

calendar as (

    select
        ad_campaign.campaign_number,
        ad_campaign.campaign_id,
        ad_campaign.network,
        ad_campaign.name,
        ad_campaign.channel_type,
        ad_campaign.click_eur,
        getvariable('started_at')::date + days.day_number::integer as spent_on,
        devices.ad_device,
        (ad_campaign.campaign_number * 1100 + days.day_number) * 4
        + devices.device_number as day_key

    from ad_campaign
    cross join range(getvariable('span_s') // 86400) as days (day_number)
    cross join
        (values (1, 'MOBILE'), (2, 'DESKTOP'), (3, 'TABLET')) as devices (device_number, ad_device)

),

landed as (

    select
        ad_click.campaign_id,
        ad_click.clicked_on,
        ad_click.ad_device,
        sum(ad_click.click_count)::bigint as click_count,
        sum(ad_click.order_count)::bigint as order_count,
        sum(ad_click.order_minor)::bigint as order_minor

    from ad_click
    group by
        ad_click.campaign_id,
        ad_click.clicked_on,
        ad_click.ad_device

)

select
    calendar.*,
    coalesce(landed.click_count, 0)
    + floor(
        coalesce(landed.click_count, 0) * 0.4 * uniform(calendar.day_key, 'lost clicks')
        + 1.2 * uniform(calendar.day_key, 'stray clicks')
    )::bigint as click_count,
    coalesce(landed.order_count, 0) as order_count,
    coalesce(landed.order_minor, 0) as order_minor,
    0.7 + 0.6 * uniform(calendar.day_key, 'auction') as price_level,
    whole(calendar.day_key, 'impressions per click', 18, 70) as impressions_per_click
from calendar
left join landed
    on
        calendar.campaign_id = landed.campaign_id
        and calendar.spent_on = landed.clicked_on
        and calendar.ad_device = landed.ad_device;

insert into google_ads.campaign_stats by name
select
    digest(campaign_day.day_key, 'google day') as _fivetran_id,
    campaign_day.campaign_id as id,
    7700112233 as customer_id,
    campaign_day.spent_on as date,
    campaign_day.ad_device as device,
    if(campaign_day.channel_type = 'PERFORMANCE_MAX', 'MIXED', 'SEARCH') as ad_network_type,
    campaign_day.click_count as clicks,
    campaign_day.click_count * campaign_day.impressions_per_click
    + whole(campaign_day.day_key, 'idle impressions', 0, 40) as impressions,
    round(
        campaign_day.click_count * campaign_day.click_eur * campaign_day.price_level * 100
    )::bigint
    * 10000 as cost_micros,
    campaign_day.order_count::double as conversions,
    campaign_day.order_minor / 100.0 as conversions_value,
    not_after_today(later(campaign_day.spent_on::timestamp, 108000)) as _fivetran_synced
from campaign_day
where
    campaign_day.network = 'google_ads'
    and campaign_day.click_count > 0;

insert into meta_ads.basic_campaign by name
with

days as (

    select
        campaign_day.campaign_number,
        campaign_day.campaign_id,
        campaign_day.name,
        campaign_day.spent_on,
        sum(campaign_day.click_count)::bigint as click_count,
        sum(campaign_day.click_count * campaign_day.impressions_per_click)::bigint
            as impression_count,
        sum(
            round(
                campaign_day.click_count * campaign_day.click_eur * campaign_day.price_level * 100
            )::bigint
        )::bigint as spend_cents

    from campaign_day
    where campaign_day.network = 'meta_ads'
    group by
        campaign_day.campaign_number,
        campaign_day.campaign_id,
        campaign_day.name,
        campaign_day.spent_on

)

select
    digest(days.campaign_id, strftime(days.spent_on, '%Y-%m-%d')) as _fivetran_id,
    days.campaign_id,
    days.name as campaign_name,
    880011223344 as account_id,
    days.spent_on as date,
    days.impression_count as impressions,
    days.impression_count * 7 // 10 as reach,
    days.click_count as inline_link_clicks,
    days.spend_cents / 100.0 as spend,
    days.spend_cents / 100.0 / days.click_count as cpc,
    days.spend_cents * 10.0 / days.impression_count as cpm,
    days.click_count * 100.0 / days.impression_count as ctr,
    not_after_today(later(days.spent_on::timestamp, 108000)) as _fivetran_synced
from days
where days.click_count > 0;

-- Clicks on ads by the people of this block: Google reports each with its click id, Meta only sums.

insert into google_ads.click_view by name
select
    arrival.gclid,
    arrival.campaign_id,
    arrival.campaign_id + 1 as ad_group_id,
    7700112233 as customer_id,
    arrival.started_at::date as date,
    arrival.ad_device as device,
    'URL_CLICKS' as click_type,
    not_after_today(later(date_trunc('day', arrival.started_at), 108000)) as _fivetran_synced
from arrival
where arrival.gclid is not null;

insert into ad_click
select
    arrival.campaign_id,
    arrival.started_at::date as clicked_on,
    arrival.ad_device,
    count(*) as click_count,
    count(purchase_total.purchase_id) as order_count,
    coalesce(sum(purchase_total.total_minor), 0)::bigint as order_minor
from arrival
left join purchase_total on arrival.purchase_id = purchase_total.purchase_id
where arrival.campaign_id is not null
group by
    arrival.campaign_id,
    arrival.started_at::date,
    arrival.ad_device;

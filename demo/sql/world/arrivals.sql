-- Where each web visit came from: an ad, a newsletter, a search, a link, or nowhere.

create or replace temp table arrival as
with

drawn as (

    select
        visit.visit_id,
        visit.person_id,
        visit.started_at,
        visit.purchase_id,
        visit.newsletter_number,
        person.country_code,
        case
            when visit.newsletter_number is not null then 'newsletter'
            when uniform(visit.visit_id, 'arrival') < 0.13 then 'google_ads'
            when uniform(visit.visit_id, 'arrival') < 0.22 then 'meta_ads'
            when uniform(visit.visit_id, 'arrival') < 0.50 then 'search'
            when uniform(visit.visit_id, 'arrival') < 0.57 then 'link'
            else 'direct'
        end as arrival_kind,
        -- What an ad network calls the machine it was clicked on.
        case
            when visit.device_key % 10 < 5 then 'MOBILE'
            when visit.device_key % 10 < 9 then 'DESKTOP'
            else 'TABLET'
        end as ad_device

    from visit
    inner join person on visit.person_id = person.person_id
    where not visit.is_app

)

select
    drawn.visit_id,
    drawn.person_id,
    drawn.started_at,
    drawn.purchase_id,
    drawn.arrival_kind,
    drawn.ad_device,
    ad_campaign.campaign_id,
    ad_campaign.network,
    case drawn.arrival_kind
        when 'newsletter' then 'klaviyo'
        when 'google_ads' then 'google'
        when 'meta_ads' then one_of(drawn.visit_id, 'meta placement', ['facebook', 'instagram'])
    end as utm_source,
    case drawn.arrival_kind
        when 'newsletter' then 'email'
        when 'google_ads' then 'cpc'
        when 'meta_ads' then 'paid_social'
    end as utm_medium,
    coalesce(ad_campaign.name, newsletter.name) as utm_campaign,
    case
        when drawn.arrival_kind = 'meta_ads'
            then one_of(drawn.visit_id, 'creative', ['carousel_a', 'video_b', 'static_c'])
    end as utm_content,
    case
        when drawn.arrival_kind = 'google_ads'
            then
                one_of(
                    drawn.visit_id,
                    'search term',
                    ['hiking boots', 'down jacket', 'nordvik', 'two person tent', 'merino shirt']
                )
    end as utm_term,
    case
        when drawn.arrival_kind = 'google_ads'
            then 'EAIaIQobChMI' || digest(drawn.visit_id, 'gclid')
    end as gclid,
    case when drawn.arrival_kind = 'meta_ads' then 'IwAR' || digest(drawn.visit_id, 'fbclid') end
        as fbclid,
    case
        when drawn.arrival_kind in ('google_ads', 'search') then 'https://www.google.com/'
        when drawn.arrival_kind = 'meta_ads'
            then
                one_of(
                    drawn.visit_id,
                    'meta referrer',
                    ['https://l.facebook.com/', 'https://l.instagram.com/']
                )
        when drawn.arrival_kind = 'link'
            then
                one_of(
                    drawn.visit_id,
                    'linking site',
                    [
                        'https://www.ut.no/',
                        'https://www.wandelnet.nl/',
                        'https://www.outdoor-magazyn.example/',
                        'https://www.reddit.com/',
                        'https://www.bing.com/'
                    ]
                )
    end as referrer
from drawn
left join ad_campaign
    on
        drawn.arrival_kind = ad_campaign.network
        and drawn.country_code = ad_campaign.country_code
        and ad_campaign.kind_index
        = whole(drawn.visit_id, 'which ad', 0, if(drawn.arrival_kind = 'google_ads', 3, 2))
left join newsletter on drawn.newsletter_number = newsletter.newsletter_number;

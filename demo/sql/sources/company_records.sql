-- What is not about single people: the catalogue, companies and accounts with their opportunities,
-- newsletters, ad campaigns and the support staff. Landed once.

insert into shopify.product by name
select
    product.product_id as id,
    product.name as title,
    product.handle,
    product.category as product_type,
    product.brand as vendor,
    product.created_at,
    not_after_today(later(product.created_at, 86400 * 400)) as updated_at,
    later(product.created_at, 86400) as published_at,
    chance(product.price_rank, 'product deleted', getvariable('mess_soft_deletes'))
        as _fivetran_deleted,
    getvariable('as_of') as _fivetran_synced
from product;

insert into hubspot.company by name
select
    5000000 + company.company_id as id,
    chance(company.company_id, 'company deleted', getvariable('mess_soft_deletes')) as is_deleted,
    company.name as property_name,
    'B2B customer' as property_description,
    company.industry as property_industry,
    company.street as property_address,
    company.city as property_city,
    case company.country_code
        when 'NL' then 'Netherlands' when 'NO' then 'Norway' else 'Poland'
    end as property_country,
    company.domain as property_domain,
    company.annual_revenue as property_annualrevenue,
    company.created_at as property_createdate,
    not_after_today(later(company.created_at, 7200)) as _fivetran_synced
from company;

insert into salesforce.account by name
select
    '0015g' || ten_hex_digits(company.company_id) || 'AAC' as id,
    company.name,
    'https://www.' || company.domain as website,
    company.industry,
    'Customer - Direct' as type,
    company.switchboard as phone,
    company.street as billing_street,
    company.city as billing_city,
    case company.country_code
        when 'NL' then 'Netherlands' when 'NO' then 'Norway' else 'Poland'
    end as billing_country,
    company.country_code as billing_country_code,
    company.employee_count as number_of_employees,
    company.annual_revenue::double as annual_revenue,
    false as is_deleted,
    true as _fivetran_active,
    not_after_today(later(company.created_at, 7200)) as _fivetran_synced
from company;

insert into salesforce.opportunity by name
with

deals as (

    select
        company.company_id,
        company.name as company_name,
        company.company_id * 8 + deals.deal_index as deal_key,
        later(
            company.created_at,
            uniform(company.company_id * 8 + deals.deal_index, 'deal opened')
            * (seconds_between(company.created_at, getvariable('as_of')) - 3600)
        ) as created_at

    from company
    cross join unnest(range(whole(company.company_id, 'deals', 0, 4))) as deals (deal_index)

),

outcomes as (

    select
        deals.*,
        later(deals.created_at, 86400 * whole(deals.deal_key, 'days to close', 14, 120))
            as close_at,
        chance(deals.deal_key, 'deal won', 0.45) as would_win

    from deals

)

select
    '0065g' || ten_hex_digits(outcomes.deal_key) || 'AAG' as id,
    '0015g' || ten_hex_digits(outcomes.company_id) || 'AAC' as account_id,
    outcomes.company_name
    || ' - '
    || one_of(
        outcomes.deal_key, 'deal', ['team jackets', 'rental tents', 'guide kit', 'event packs']
    ) as name,
    case
        when outcomes.close_at > getvariable('as_of')
            then
                one_of(
                    outcomes.deal_key,
                    'open stage',
                    ['Prospecting', 'Qualification', 'Proposal/Price Quote', 'Negotiation/Review']
                )
        when outcomes.would_win then 'Closed Won'
        else 'Closed Lost'
    end as stage_name,
    'New Business' as type,
    one_of(
        outcomes.deal_key, 'deal source', ['Web', 'Trade Show', 'Phone Inquiry', 'Partner Referral']
    ) as lead_source,
    whole(outcomes.deal_key, 'deal size', 8, 240) * 100.0 as amount,
    case
        when outcomes.close_at > getvariable('as_of')
            then whole(outcomes.deal_key, 'deal odds', 1, 9) * 10.0
        when outcomes.would_win then 100.0
        else 0.0
    end as probability,
    date_trunc('day', outcomes.close_at) as close_date,
    outcomes.created_at as created_date,
    outcomes.close_at <= getvariable('as_of') as is_closed,
    outcomes.close_at <= getvariable('as_of') and outcomes.would_win as is_won,
    chance(outcomes.deal_key, 'deal deleted', getvariable('mess_soft_deletes')) as is_deleted,
    true as _fivetran_active,
    not_after_today(later(outcomes.created_at, 7200)) as _fivetran_synced
from outcomes;

insert into klaviyo.campaign by name
select
    newsletter.campaign_id as id,
    newsletter.name,
    newsletter.subject,
    'post@nordvik.example' as from_email,
    'sent' as status,
    'Sent' as status_label,
    'Regular' as campaign_type,
    later(newsletter.sent_at, -172800) as created,
    newsletter.sent_at as updated,
    newsletter.sent_at as send_time,
    newsletter.sent_at,
    false as archived,
    false as _fivetran_deleted,
    not_after_today(later(newsletter.sent_at, 3600)) as _fivetran_synced
from newsletter;

insert into google_ads.campaign_history by name
select
    ad_campaign.campaign_id as id,
    7700112233 as customer_id,
    ad_campaign.name,
    'ENABLED' as status,
    ad_campaign.channel_type as advertising_channel_type,
    getvariable('started_at')::date as start_date,
    date '2037-12-30' as end_date,
    getvariable('started_at') as updated_at,
    true as _fivetran_active,
    getvariable('as_of') as _fivetran_synced
from ad_campaign
where ad_campaign.network = 'google_ads';

insert into meta_ads.campaign_history by name
select
    ad_campaign.campaign_id as id,
    880011223344 as account_id,
    ad_campaign.name,
    'ACTIVE' as status,
    ad_campaign.channel_type as objective,
    getvariable('started_at') as start_time,
    getvariable('started_at') as updated_time,
    later(getvariable('started_at'), -86400) as created_time,
    getvariable('as_of') as _fivetran_synced
from ad_campaign
where ad_campaign.network = 'meta_ads';

-- The support staff are users of the help desk as well, and nobody's customers.
create or replace temp table support_agent as
select
    39000000000 + agents.agent_number as zendesk_user_id,
    agents.name,
    lower(split_part(agents.name, ' ', 1)) || '@nordvik.example' as email,
    agents.role
from (
    values
    (1, 'Sigrun Nordvik', 'admin'), (2, 'Pim Nordvik', 'agent'), (3, 'Halina Nordvik', 'agent'),
    (4, 'Trygve Nordvik', 'agent'), (5, 'Jet Nordvik', 'agent'), (6, 'Lech Nordvik', 'agent')
) as agents (agent_number, name, role);

insert into zendesk.user by name
select
    support_agent.zendesk_user_id as id,
    support_agent.name,
    support_agent.email,
    support_agent.role,
    'en-US' as locale,
    'Europe/Amsterdam' as time_zone,
    true as active,
    false as suspended,
    true as verified,
    getvariable('started_at') as created_at,
    getvariable('started_at') as updated_at,
    getvariable('as_of') as last_login_at,
    getvariable('as_of') as _fivetran_synced
from support_agent;

insert into stripe.price by name
select
    'price_plus_' || prices.currency as id,
    'Nordvik Plus' as nickname,
    prices.currency,
    prices.unit_amount,
    'year' as recurring_interval,
    1 as recurring_interval_count,
    false as is_deleted,
    true as livemode,
    getvariable('started_at') as created,
    not_after_today(later(getvariable('started_at'), 3600)) as _fivetran_synced
from (
    values ('eur', 3900), ('nok', 39900), ('pln', 14900)
) as prices (currency, unit_amount);

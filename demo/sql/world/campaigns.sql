-- What marketing runs: ad campaigns on two networks, and a newsletter every three weeks.

create or replace temp table ad_campaign as
select
    row_number()
        over (order by campaigns.network, countries.country_index, campaigns.kind)
        as campaign_number,
    campaigns.network,
    countries.country_code,
    countries.country_index,
    campaigns.kind,
    row_number() over (
        partition by campaigns.network, countries.country_code
        order by campaigns.kind
    ) - 1 as kind_index,
    count(*) over (partition by campaigns.network, countries.country_code) as kind_count,
    lower(countries.country_code) || '_' || campaigns.kind as name,
    campaigns.channel_type,
    campaigns.click_eur
from (
    values
    ('google_ads', 'search_brand', 'SEARCH', 0.35),
    ('google_ads', 'search_generic', 'SEARCH', 0.92),
    ('google_ads', 'shopping', 'SHOPPING', 0.54),
    ('google_ads', 'performance_max', 'PERFORMANCE_MAX', 0.61),
    ('meta_ads', 'prospecting_video', 'OUTCOME_AWARENESS', 0.72),
    ('meta_ads', 'retargeting_catalogue', 'OUTCOME_SALES', 0.58),
    ('meta_ads', 'lookalike_members', 'OUTCOME_SALES', 0.66)
) as campaigns (network, kind, channel_type, click_eur)
cross join (values ('NL', 1), ('NO', 2), ('PL', 3)) as countries (country_code, country_index);

alter table ad_campaign add column campaign_id bigint;
update ad_campaign
set
    campaign_id
    = case network when 'google_ads' then 17000000000 else 120200000000000000 end
    + opaque(campaign_number) % 10000000000;

create or replace temp table newsletter as
select
    numbers.newsletter_number,
    '01HN' || upper(left(digest(numbers.newsletter_number, 'newsletter'), 22)) as campaign_id,
    later(getvariable('started_at'), numbers.newsletter_number * 21 * 86400 + 8 * 3600) as sent_at,
    one_of(
        numbers.newsletter_number,
        'subject',
        [
            'New in: gear for the high country',
            'Pack light, walk far',
            'The weekend forecast says go',
            'Boots that last: our repair workshop',
            'Members first: early access',
            'Winter is closer than you think',
            'Five huts worth the climb',
            'Last sizes, last chance',
            'Wool, explained by those who wear it',
            'Your next trail starts here'
        ]
    ) as subject
from range(1, 53) as numbers (newsletter_number)
where
    later(getvariable('started_at'), numbers.newsletter_number * 21 * 86400 + 8 * 3600)
    <= getvariable('as_of');

alter table newsletter add column name varchar;
update newsletter set name = 'newsletter_' || strftime(sent_at, '%Y_%m_%d');

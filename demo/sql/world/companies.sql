-- Companies that buy at the B2B desk: three lists, one per country, so that a company and the
-- people who work there share a country.

create or replace temp macro company_count_per_country() as
    1 + getvariable('people') // 170;

create or replace temp macro country_index(country_code) as
    case country_code when 'NL' then 0 when 'NO' then 1 else 2 end;

create or replace temp table company as
with

numbered as (

    select
        numbers.company_id,
        case numbers.company_id % 3 when 0 then 'NL' when 1 then 'NO' else 'PL' end as country_code

    from range(company_count_per_country() * 3) as numbers (company_id)

),

named as (

    select
        numbered.company_id,
        numbered.country_code,
        case numbered.country_code
            when 'NL'
                then
                    one_of(
                        numbered.company_id,
                        'company word',
                        ['Duin', 'Polder', 'Zeewind', 'Heide', 'Kompas', 'Kaap']
                    )
                    || ' '
                    || one_of(
                        numbered.company_id,
                        'company trade',
                        [
                            'Buitensport',
                            'Reizen',
                            'Klimhal',
                            'Scouting',
                            'Evenementen',
                            'Natuurbeheer'
                        ]
                    )
            when 'NO'
                then
                    one_of(
                        numbered.company_id,
                        'company word',
                        ['Fjell', 'Bre', 'Vidde', 'Kyst', 'Skog', 'Nordlys']
                    )
                    || ' '
                    || one_of(
                        numbered.company_id,
                        'company trade',
                        [
                            'Turlag',
                            'Opplevelser',
                            'Klatresenter',
                            'Friluft',
                            'Guiding',
                            'Hytteservice'
                        ]
                    )
            else
                one_of(
                    numbered.company_id,
                    'company word',
                    ['Tatry', 'Szlak', 'Świerk', 'Bałtyk', 'Orlik', 'Halny']
                )
                || ' '
                || one_of(
                    numbered.company_id,
                    'company trade',
                    ['Wyprawy', 'Przewodnicy', 'Obozy', 'Wspinaczka', 'Turystyka', 'Schroniska']
                )
        end as trade_name

    from numbered

)

select
    named.company_id,
    named.country_code,
    named.trade_name
    || case named.country_code when 'NL' then ' B.V.' when 'NO' then ' AS' else ' Sp. z o.o.' end
        as name,
    in_ascii(named.trade_name) || named.company_id || '.' || lower(named.country_code) as domain,
    one_of(
        named.company_id,
        'industry',
        [
            'LEISURE_TRAVEL_TOURISM',
            'SPORTS',
            'EDUCATION_MANAGEMENT',
            'EVENTS_SERVICES',
            'GOVERNMENT_ADMINISTRATION'
        ]
    ) as industry,
    place.city,
    street_name.street || ' ' || whole(named.company_id, 'company house number', 1, 120) as street,
    case named.country_code when 'NL' then '+3120' when 'NO' then '+4722' else '+4822' end
    || lpad(
        (
            (named.company_id * 7919 + 1000003)
            % case named.country_code when 'NO' then 1000000 else 10000000 end
        )::varchar,
        case named.country_code when 'NO' then 6 else 7 end,
        '0'
    ) as switchboard,
    whole(named.company_id, 'employees', 2, 400) as employee_count,
    whole(named.company_id, 'annual revenue', 1, 90) * 100000 as annual_revenue,
    later(
        getvariable('started_at'),
        uniform(named.company_id, 'company known since')
        * 0.5
        * seconds_between(getvariable('started_at'), getvariable('as_of'))
    ) as created_at
from named
inner join place
    on
        named.country_code = place.country_code
        and place.place_index = whole(named.company_id, 'company city', 0, 9)
inner join street_name
    on
        named.country_code = street_name.country_code
        and street_name.street_index = whole(named.company_id, 'company street', 0, 7);

with

records as (

    select * from {{ ref('int_accounts__records') }}

),

parents as (

    select * from {{ ref('int_accounts__parents') }}

),

ancestors as (

    select * from {{ ref('int_accounts__ancestors') }}

),

people as (

    select * from {{ ref('customer_accounts') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

core_records as (

    select * from {{ ref('int_core__records') }}
    where is_current

),

tickets as (

    select * from {{ ref('stg_zendesk__tickets') }}
    where
        not is_deleted
        and (created_at is null or created_at <= {{ as_of() }})

),

opportunities as (

    select * from {{ ref('stg_salesforce__opportunities') }}
    where
        not is_deleted
        and (created_at is null or created_at <= {{ as_of() }})

),

entity_map as (

    select * from {{ ref('identity_entity_map') }}
    where entity = 'account'

),

-- The first record of each tool; what sales does not know, marketing may.
ranked as (

    select
        *,
        row_number() over (
            partition by
                account_id,
                source_rank
            order by record_key
        ) as record_rank

    from records

),

attributes as (

    select
        accounts.account_id,
        coalesce(sales.account_name, marketing.account_name) as account_name,
        coalesce(sales.domain, marketing.domain) as domain,
        coalesce(sales.industry, marketing.industry) as industry,
        sales.account_type,
        coalesce(sales.city, marketing.city) as city,
        coalesce(sales.country_code, marketing.country_code) as country_code,
        sales.employee_count,
        coalesce(sales.annual_revenue_amount, marketing.annual_revenue_amount)
            as annual_revenue_amount

    from (select distinct records.account_id from records) as accounts
    left join ranked as sales
        on
            accounts.account_id = sales.account_id
            and sales.source_rank = 1
            and sales.record_rank = 1
    left join ranked as marketing
        on
            accounts.account_id = marketing.account_id
            and marketing.source_rank = 2
            and marketing.record_rank = 1

),

levels as (

    select
        account_id,
        max(distance) as hierarchy_level

    from ancestors
    group by account_id

),

roots as (

    select
        ancestors.account_id,
        ancestors.ancestor_account_id as root_account_id

    from ancestors
    inner join levels
        on
            ancestors.account_id = levels.account_id
            and ancestors.distance = levels.hierarchy_level

),

descendants as (

    select
        ancestor_account_id as account_id,
        sum(case when distance = 1 then 1 else 0 end) as child_account_count,
        sum(case when distance > 0 then 1 else 0 end) as descendant_account_count

    from ancestors
    group by ancestor_account_id

),

order_figures as (

    select
        orders.customer_id,
        count(*) as order_count,
        sum(orders.revenue_eur) as revenue_eur,
        max(orders.ordered_at) as last_ordered_at

    from orders
    where not orders.is_cancelled
    group by orders.customer_id

),

ticket_figures as (

    select
        core_records.customer_id,
        count(*) as ticket_count,
        sum(
            case when coalesce(tickets.status, 'new') not in ('solved', 'closed') then 1 else 0 end
        ) as open_ticket_count

    from tickets
    inner join core_records
        on
            tickets.ticket_id = core_records.record_key
            and core_records.source_model = 'stg_zendesk__tickets'
    group by core_records.customer_id

),

-- Somebody who works for two companies of one group is one person of the group.
group_people as (

    select
        ancestors.ancestor_account_id as account_id,
        people.customer_id,
        max(case when ancestors.distance = 0 then 1 else 0 end) as is_own

    from people
    inner join ancestors on people.account_id = ancestors.account_id
    group by
        ancestors.ancestor_account_id,
        people.customer_id

),

people_figures as (

    select
        group_people.account_id,
        sum(group_people.is_own) as person_count,
        sum(group_people.is_own * order_figures.order_count) as order_count,
        sum(group_people.is_own * order_figures.revenue_eur) as revenue_eur,
        sum(group_people.is_own * ticket_figures.ticket_count) as ticket_count,
        sum(group_people.is_own * ticket_figures.open_ticket_count) as open_ticket_count,
        max(case when group_people.is_own = 1 then order_figures.last_ordered_at end)
            as last_ordered_at,
        count(*) as group_person_count,
        sum(order_figures.order_count) as group_order_count,
        sum(order_figures.revenue_eur) as group_revenue_eur,
        sum(ticket_figures.open_ticket_count) as group_open_ticket_count

    from group_people
    left join order_figures on group_people.customer_id = order_figures.customer_id
    left join ticket_figures on group_people.customer_id = ticket_figures.customer_id
    group by group_people.account_id

),

deals as (

    select
        entity_map.entity_id as account_id,
        count(*) as opportunity_count,
        sum(case when opportunities.is_closed then 0 else 1 end) as open_opportunity_count,
        sum(case when opportunities.is_closed then 0 else opportunities.opportunity_amount end)
            as open_opportunity_amount,
        sum(case when opportunities.is_won then 1 else 0 end) as won_opportunity_count,
        sum(case when opportunities.is_won then opportunities.opportunity_amount else 0 end)
            as won_opportunity_amount

    from opportunities
    inner join entity_map
        on
            opportunities.salesforce_account_id = entity_map.identifier_value
            and entity_map.identifier_type = 'salesforce_account_id'
    group by entity_map.entity_id

),

group_deals as (

    select
        ancestors.ancestor_account_id as account_id,
        sum(deals.open_opportunity_count) as open_opportunity_count,
        sum(deals.open_opportunity_amount) as open_opportunity_amount,
        sum(deals.won_opportunity_amount) as won_opportunity_amount

    from deals
    inner join ancestors on deals.account_id = ancestors.account_id
    group by ancestors.ancestor_account_id

),

accounts as (

    select
        -- keys
        attributes.account_id,
        parents.parent_account_id,
        roots.root_account_id,

        -- attributes
        attributes.account_name,
        attributes.domain,
        attributes.industry,
        attributes.account_type,
        attributes.city,
        attributes.country_code,

        -- booleans
        parents.parent_account_id is not null and levels.hierarchy_level = 0 as is_in_cycle,

        -- hierarchy
        cast(levels.hierarchy_level as {{ dbt.type_bigint() }}) as hierarchy_level,
        cast(descendants.child_account_count as {{ dbt.type_bigint() }}) as child_account_count,
        cast(descendants.descendant_account_count as {{ dbt.type_bigint() }})
            as descendant_account_count,

        -- size
        cast(attributes.employee_count as {{ dbt.type_bigint() }}) as employee_count,
        cast(attributes.annual_revenue_amount as decimal(18, 2)) as annual_revenue_amount,

        -- own figures
        {% for figure in ['person_count', 'order_count', 'ticket_count', 'open_ticket_count'] %}
        cast(coalesce(people_figures.{{ figure }}, 0) as {{ dbt.type_bigint() }}) as {{ figure }},
        {% endfor %}
        cast(coalesce(people_figures.revenue_eur, 0) as decimal(18, 2)) as revenue_eur,
        {% for figure in ['opportunity_count', 'open_opportunity_count', 'won_opportunity_count'] %}
        cast(coalesce(deals.{{ figure }}, 0) as {{ dbt.type_bigint() }}) as {{ figure }},
        {% endfor %}
        {% for figure in ['open_opportunity_amount', 'won_opportunity_amount'] %}
        cast(coalesce(deals.{{ figure }}, 0) as decimal(18, 2)) as {{ figure }},
        {% endfor %}

        -- figures with everything below
        {% for figure in ['group_person_count', 'group_order_count', 'group_open_ticket_count'] %}
        cast(coalesce(people_figures.{{ figure }}, 0) as {{ dbt.type_bigint() }}) as {{ figure }},
        {% endfor %}
        cast(coalesce(people_figures.group_revenue_eur, 0) as decimal(18, 2)) as group_revenue_eur,
        cast(coalesce(group_deals.open_opportunity_count, 0) as {{ dbt.type_bigint() }})
            as group_open_opportunity_count,
        {% for figure in ['open_opportunity_amount', 'won_opportunity_amount'] %}
        cast(coalesce(group_deals.{{ figure }}, 0) as decimal(18, 2)) as group_{{ figure }},
        {% endfor %}

        -- times
        people_figures.last_ordered_at

    from attributes
    left join parents on attributes.account_id = parents.account_id
    left join levels on attributes.account_id = levels.account_id
    left join roots on attributes.account_id = roots.account_id
    left join descendants on attributes.account_id = descendants.account_id
    left join people_figures on attributes.account_id = people_figures.account_id
    left join deals on attributes.account_id = deals.account_id
    left join group_deals on attributes.account_id = group_deals.account_id

)

select * from accounts

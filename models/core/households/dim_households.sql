with

members as (

    select * from {{ ref('customer_households') }}

),

residences as (

    select * from {{ ref('int_households__residences') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

spellings as (

    select
        residences.household_id,
        residences.last_name,
        residences.address_street,
        residences.postal_code,
        residences.city,
        residences.country_code,
        row_number() over (
            partition by residences.household_id
            order by
                residences.last_seen_at desc nulls last,
                residences.customer_id
        ) as spelling_rank

    from residences
    inner join members
        on
            residences.household_id = members.household_id
            and residences.customer_id = members.customer_id

),

order_figures as (

    select
        orders.customer_id,
        count(*) as order_count,
        sum(orders.revenue_eur) as revenue_eur

    from orders
    where
        orders.customer_id is not null
        and not orders.is_cancelled
    group by orders.customer_id

),

-- Somebody who moved away counts where they are now.
figures as (

    select
        members.household_id,
        count(*) as person_count,
        sum(case when members.is_current then 1 else 0 end) as current_person_count,
        sum(case when members.is_current then order_figures.order_count end) as order_count,
        sum(case when members.is_current then order_figures.revenue_eur end) as revenue_eur,
        min(members.first_seen_at) as first_seen_at,
        max(members.last_seen_at) as last_seen_at

    from members
    left join order_figures on members.customer_id = order_figures.customer_id
    group by members.household_id

),

households as (

    select
        -- keys
        figures.household_id,

        -- address
        spellings.last_name,
        spellings.address_street,
        spellings.postal_code,
        spellings.city,
        spellings.country_code,

        -- people
        cast(figures.person_count as {{ dbt.type_bigint() }}) as person_count,
        cast(figures.current_person_count as {{ dbt.type_bigint() }}) as current_person_count,

        -- orders
        cast(coalesce(figures.order_count, 0) as {{ dbt.type_bigint() }}) as order_count,
        cast(coalesce(figures.revenue_eur, 0) as decimal(18, 2)) as revenue_eur,

        -- times
        figures.first_seen_at,
        figures.last_seen_at

    from figures
    inner join spellings
        on
            figures.household_id = spellings.household_id
            and spellings.spelling_rank = 1

)

select * from households

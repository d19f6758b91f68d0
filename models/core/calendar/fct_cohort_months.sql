{{ config(materialized='view') }}

with

orders as (

    select * from {{ ref('fct_orders') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

placed_orders as (

    select
        orders.customer_id,
        orders.revenue_eur,
        cast({{ dbt.date_trunc('month', 'orders.ordered_at') }} as date) as activity_month

    from orders
    where
        orders.customer_id is not null
        and orders.ordered_at is not null
        and not orders.is_cancelled

),

customers as (

    select
        placed_orders.customer_id,
        min(placed_orders.activity_month) as cohort_month

    from placed_orders
    group by placed_orders.customer_id

),

cohorts as (

    select
        customers.cohort_month,
        count(*) as cohort_customer_count

    from customers
    group by customers.cohort_month

),

activity as (

    select
        customers.cohort_month,
        placed_orders.activity_month,
        count(distinct placed_orders.customer_id) as active_customer_count,
        count(*) as order_count,
        sum(placed_orders.revenue_eur) as revenue_eur

    from placed_orders
    inner join customers on placed_orders.customer_id = customers.customer_id
    group by
        customers.cohort_month,
        placed_orders.activity_month

),

months as (

    select distinct dates.month_date
    from dates

),

-- A month in which nobody of a cohort ordered is there as well, or a rate over several cohorts
-- would leave it out.
cohort_months as (

    select
        -- keys
        cohorts.cohort_month,
        months.month_date as activity_month,

        -- attributes
        cast(
            {{ dbt.datediff('cohorts.cohort_month', 'months.month_date', 'month') }}
            as {{ dbt.type_bigint() }}
        ) as months_since_first,

        -- measures
        cast(cohorts.cohort_customer_count as {{ dbt.type_bigint() }}) as cohort_customer_count,
        cast(coalesce(activity.active_customer_count, 0) as {{ dbt.type_bigint() }})
            as active_customer_count,
        cast(coalesce(activity.order_count, 0) as {{ dbt.type_bigint() }}) as order_count,
        cast(coalesce(activity.revenue_eur, 0) as decimal(18, 2)) as revenue_eur

    from cohorts
    -- each cohort has a row per month from its first on
    inner join months on cohorts.cohort_month <= months.month_date
    left join activity
        on
            cohorts.cohort_month = activity.cohort_month
            and months.month_date = activity.activity_month

)

select * from cohort_months

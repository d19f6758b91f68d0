with

members as (

    select * from {{ ref('audience_cart_abandoners') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

carts as (

    select * from {{ ref('fct_carts') }}

),

consents as (

    select * from {{ ref('customer_consents') }}

),

latest_carts as (

    select
        carts.customer_id,
        carts.value_amount,
        carts.currency,
        row_number() over (
            partition by carts.customer_id
            order by carts.last_activity_at desc, carts.cart_id
        ) as recency_index

    from carts
    where
        carts.is_abandoned
        and carts.customer_id is not null
        and carts.last_activity_at is not null

),

-- One consent row per customer and purpose, so the join keeps one row per customer.
recipients as (

    select
        -- keys
        customers.customer_id,

        -- attributes
        customers.email,
        customers.first_name,
        customers.country_code,
        latest_carts.currency as cart_currency,

        -- measures
        latest_carts.value_amount as cart_value_amount,

        -- timestamps
        customers.last_cart_abandoned_at,

        -- consent
        consents.recorded_at as consented_at

    from members
    inner join customers on members.customer_id = customers.customer_id
    inner join latest_carts
        on
            customers.customer_id = latest_carts.customer_id
            and latest_carts.recency_index = 1
    inner join consents
        on
            customers.customer_id = consents.customer_id
            and consents.purpose = 'email_marketing'
            and consents.is_granted
    where
        customers.email is not null
        and not customers.has_email_trouble

)

select * from recipients

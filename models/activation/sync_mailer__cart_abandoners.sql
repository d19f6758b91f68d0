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

consented_addresses as (

    select * from {{ ref('customer_recipients') }}

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

-- One address per customer, purpose and channel, so the join keeps one row per customer.
recipients as (

    select
        -- keys
        customers.customer_id,

        -- attributes
        consented_addresses.address as email,
        customers.first_name,
        customers.country_code,
        latest_carts.currency as cart_currency,

        -- measures
        latest_carts.value_amount as cart_value_amount,

        -- timestamps
        customers.last_cart_abandoned_at,

        -- consent
        consented_addresses.consented_at

    from members
    inner join customers on members.customer_id = customers.customer_id
    inner join latest_carts
        on
            customers.customer_id = latest_carts.customer_id
            and latest_carts.recency_index = 1
    inner join consented_addresses
        on
            customers.customer_id = consented_addresses.customer_id
            and consented_addresses.purpose = 'email_marketing'
            and consented_addresses.channel = 'email'
    where not customers.has_email_trouble

)

select * from recipients

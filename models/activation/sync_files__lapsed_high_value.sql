with

members as (

    select * from {{ ref('audience_lapsed_high_value') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

consented_addresses as (

    select * from {{ ref('customer_recipients') }}

),

-- One address per customer, purpose and channel, so the join keeps one row per customer.
recipients as (

    select
        -- keys
        customers.customer_id,

        -- attributes
        consented_addresses.address as email,
        customers.first_name,
        customers.last_name,
        customers.country_code,

        -- measures
        customers.order_count,
        customers.revenue_eur,

        -- timestamps
        customers.last_ordered_at,

        -- consent
        consented_addresses.consented_at

    from members
    inner join customers on members.customer_id = customers.customer_id
    inner join consented_addresses
        on
            customers.customer_id = consented_addresses.customer_id
            and consented_addresses.purpose = 'email_marketing'
            and consented_addresses.channel = 'email'
    where not customers.has_email_trouble

)

select * from recipients

with

members as (

    select * from {{ ref('audience_lapsed_high_value') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

consents as (

    select * from {{ ref('customer_consents') }}

),

-- One consent row per customer and purpose, so the join keeps one row per customer.
recipients as (

    select
        -- keys
        customers.customer_id,

        -- attributes
        customers.email,
        customers.first_name,
        customers.last_name,
        customers.country_code,

        -- measures
        customers.order_count,
        customers.revenue_eur,

        -- timestamps
        customers.last_ordered_at,

        -- consent
        consents.recorded_at as consented_at

    from members
    inner join customers on members.customer_id = customers.customer_id
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

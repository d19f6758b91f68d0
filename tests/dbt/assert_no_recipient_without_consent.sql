-- A sync model may hold no address that its customer has not agreed to, or has taken back.
{{ config(meta={'dagster': {'ref': {'name': 'sync_mailer__cart_abandoners'}}}) }}

with

recipients as (

    select
        customer_id,
        email
    from {{ ref('sync_files__lapsed_high_value') }}

    union all

    select
        customer_id,
        email
    from {{ ref('sync_mailer__cart_abandoners') }}

),

consents as (

    select * from {{ ref('customer_consents') }}

),

addresses as (

    select * from {{ ref('customer_consent_addresses') }}

),

recipients_without_consent as (

    select recipients.customer_id

    from recipients
    left join consents
        on
            recipients.customer_id = consents.customer_id
            and consents.purpose = 'email_marketing'
            and consents.channel = 'email'
            and consents.is_granted
    left join addresses
        on
            recipients.customer_id = addresses.customer_id
            and recipients.email = addresses.address
            and addresses.purpose = 'email_marketing'
            and addresses.channel = 'email'
            and addresses.is_granted
    where
        consents.customer_id is null
        or addresses.customer_id is null

)

select * from recipients_without_consent

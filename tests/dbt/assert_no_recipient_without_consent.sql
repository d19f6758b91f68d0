-- A sync model may hold nobody whose consent to its purpose is missing or withdrawn.
{{ config(meta={'dagster': {'ref': {'name': 'sync_mailer__cart_abandoners'}}}) }}

with

recipients as (

    select customer_id from {{ ref('sync_files__lapsed_high_value') }}
    union all
    select customer_id from {{ ref('sync_mailer__cart_abandoners') }}

),

consents as (

    select * from {{ ref('customer_consents') }}

),

recipients_without_consent as (

    select recipients.customer_id

    from recipients
    left join consents
        on
            recipients.customer_id = consents.customer_id
            and consents.purpose = 'email_marketing'
            and consents.is_granted
    where consents.customer_id is null

)

select * from recipients_without_consent

-- A suppressed identifier that no customer has suppresses nobody: it may be misspelt.
{{ config(severity='warn', meta={
    'owner': 'analytics@example.com',
    'dagster': {'ref': {'name': 'suppressed_customers'}},
}) }}

with

suppressed_identifiers as (

    select * from {{ ref('suppressed_identifiers') }}

),

identifiers as (

    select * from {{ ref('identity_map') }}

),

identifiers_of_nobody as (

    select
        suppressed_identifiers.identifier_type,
        suppressed_identifiers.created_on

    from suppressed_identifiers
    left join identifiers
        on
            suppressed_identifiers.identifier_type = identifiers.identifier_type
            and suppressed_identifiers.identifier_value = identifiers.identifier_value
    where identifiers.customer_id is null

)

select * from identifiers_of_nobody

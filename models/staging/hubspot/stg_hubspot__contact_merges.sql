{{ config(materialized='table') }}

with

contacts as (

    select * from {{ ref('stg_hubspot__contacts') }}

),

listed_merges as (

    {{ split_rows(
        relation='contacts',
        key='hubspot_contact_id',
        list='merged_contact_ids',
        separator=';',
        part='merged_contact_id'
    ) }}

),

-- distinct: HubSpot lists a contact twice when it was merged, restored and merged again.
contact_merges as (

    select distinct
        -- keys
        listed_merges.hubspot_contact_id,
        {{ trimmed_text('listed_merges.merged_contact_id') }} as merged_hubspot_contact_id

    from listed_merges
    where {{ trimmed_text('listed_merges.merged_contact_id') }} is not null

)

select * from contact_merges

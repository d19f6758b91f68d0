{{ config(materialized='table') }}

with

source as (

    {{ source_rows('meta_ads', 'campaign_history') }}

),

campaigns as (

    select
        -- keys
        {{ trimmed_text('id') }} as campaign_id,
        {{ utc_timestamp('updated_time') }} as updated_at,

        -- foreign keys
        {{ trimmed_text('account_id') }} as account_id,

        -- attributes
        {{ trimmed_text('name') }} as campaign_name,
        lower({{ trimmed_text('status') }}) as status,
        lower({{ trimmed_text('objective') }}) as objective,

        -- booleans; the loader marks no version as the current one
        row_number() over (
            partition by id
            order by updated_time desc nulls last, _fivetran_synced desc nulls last, name
        ) = 1 as is_current,

        -- timestamps
        {{ utc_timestamp('start_time') }} as started_at,
        {{ utc_timestamp('created_time') }} as created_at,

        -- bookkeeping
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from campaigns

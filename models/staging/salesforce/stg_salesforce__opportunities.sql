with

source as (

    {{ source_rows('salesforce', 'opportunity') }}

),

normalized as (

    select
        *,
        case
            when probability between 0 and 100 then cast(probability / 100.0 as decimal(5, 4))
        end as normalized_probability_rate

    from source

),

opportunities as (

    select
        -- keys
        {{ trimmed_text('id') }} as opportunity_id,

        -- foreign keys
        {{ trimmed_text('account_id') }} as salesforce_account_id,

        -- attributes
        {{ trimmed_text('name') }} as opportunity_name,
        {{ trimmed_text('stage_name') }} as stage_name,

        -- booleans
        {{ is_true('is_closed') }} as is_closed,
        {{ is_true('is_won') }} as is_won,
        {{ is_true('is_deleted') }} or {{ is_false('_fivetran_active') }} as is_deleted,

        -- measures
        {{ money('amount') }} as opportunity_amount,
        normalized_probability_rate as probability_rate,

        -- timestamps
        cast({{ utc_timestamp('close_date') }} as date) as close_date,
        {{ utc_timestamp('created_date') }} as created_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({'probability_rate': 'probability'}) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from opportunities

{{ config(meta={'source_key': 'root_id'}) }}

with

source as (

    {{ source_rows('snowplow', 'consent_preferences') }}

),

ranked as (

    select
        source.*,
        row_number() over (
            partition by source.root_id
            order by
                source.root_tstamp nulls last,
                source._source_digest
        ) as copy_index

    from source

),

preferences as (

    select
        -- keys
        {{ trimmed_text('root_id') }} as event_id,

        -- attributes
        lower({{ trimmed_text('event_type') }}) as answer,
        lower({{ trimmed_text('basis_for_processing') }}) as legal_basis,
        {{ trimmed_text('consent_version') }} as policy_version,
        {{ trimmed_text('consent_url') }} as policy_url,
        {{ json_list_text('consent_scopes') }} as scopes,
        {{ json_list_text('domains_applied') }} as domains,

        -- booleans
        {{ is_true('gdpr_applies') }} as is_gdpr_applied,

        -- timestamps
        {{ utc_timestamp('root_tstamp') }} as received_at,

        -- bookkeeping
        root_id as _source_key,
        _source_digest

    from ranked
    where
        copy_index = 1
        and root_id is not null

)

select * from preferences

{{ config(meta={'source_key': 'id'}) }}

with

source as (

    {{ source_rows('segment', 'identifies') }}

),

first_received as (

    {{ segment_first_received('source') }}

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        {{ normalized_phone('phone', var('default_country').segment) }} as normalized_phone,
        {{ normalized_name('first_name') }} as normalized_first_name,
        {{ normalized_name('last_name') }} as normalized_last_name,
        {{ normalized_loyalty_id('loyalty_id') }} as normalized_loyalty_id

    from first_received

),

identifies as (

    select
        {{ segment_message_columns() }},

        -- what the visitor told
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_phone as phone,
        normalized_first_name as first_name,
        normalized_last_name as last_name,
        normalized_loyalty_id as loyalty_id,

        -- bookkeeping
        id as _source_key,
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'phone': 'phone',
            'first_name': 'first_name',
            'last_name': 'last_name',
            'loyalty_id': 'loyalty_id',
        }) }} as _rejected_columns,
        cast(duplicate_count as {{ dbt.type_bigint() }}) as _duplicate_count,
        left_out_digest as _left_out_digest

    from normalized

)

select * from identifies

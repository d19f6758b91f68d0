with

source as (

    {{ source_rows('loyalty', 'member') }}

),

located as (

    select
        *,
        {{ normalized_country_code('country_code') }} as normalized_country_code

    from source

),

normalized as (

    select
        *,
        {{ normalized_loyalty_id('member_id') }} as normalized_loyalty_id,
        {{ normalized_email('email') }} as normalized_email,
        {{ normalized_phone(
            'phone',
            var('default_country').loyalty,
            'normalized_country_code'
        ) }} as normalized_phone,
        {{ normalized_name('first_name') }} as normalized_first_name,
        {{ normalized_name('last_name') }} as normalized_last_name,
        {{ plausible_date('birth_date', '1900-01-02', 'loaded_at') }} as normalized_birth_date

    from located

),

members as (

    select
        -- keys
        normalized_loyalty_id as loyalty_id,

        -- identifiers
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_phone as phone,

        -- attributes
        normalized_first_name as first_name,
        normalized_last_name as last_name,
        normalized_birth_date as birth_date,
        lower({{ trimmed_text('gender') }}) as gender,
        {{ trimmed_text('street') }} as address_street,
        {{ trimmed_text('postal_code') }} as postal_code,
        {{ trimmed_text('city') }} as city,
        normalized_country_code as country_code,
        {{ trimmed_text('home_store_id') }} as home_store_id,
        lower({{ trimmed_text('tier') }}) as tier,

        -- measures
        cast(points as {{ dbt.type_bigint() }}) as points,

        -- timestamps
        {{ utc_timestamp('joined_at') }} as joined_at,
        {{ utc_timestamp('updated_at') }} as updated_at,
        {{ utc_timestamp('cancelled_at') }} as cancelled_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'loyalty_id': 'member_id',
            'email': 'email',
            'phone': 'phone',
            'first_name': 'first_name',
            'last_name': 'last_name',
            'birth_date': 'birth_date',
            'country_code': 'country_code',
        }) }} as _rejected_columns,
        {{ utc_timestamp('loaded_at') }} as _loaded_at

    from normalized

)

select * from members

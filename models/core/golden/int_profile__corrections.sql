with

seeded as (

    select * from {{ ref('profile_corrections') }}

),

inserted as (

    select * from {{ ref('customer_corrections') }}

),

unioned as (

    select
        'seed:' || seeded.correction_id as correction_id,
        seeded.identifier_type,
        seeded.identifier_value,
        seeded.field_name,
        seeded.field_value as given_value,
        seeded.reason,
        seeded.author,
        seeded.decided_on

    from seeded

    union all

    select
        'table:' || inserted.correction_id as correction_id,
        inserted.identifier_type,
        inserted.identifier_value,
        inserted.field_name,
        inserted.field_value as given_value,
        inserted.reason,
        inserted.author,
        inserted.decided_on

    from inserted

),

-- The identifier stands in the column of its type, where int_core__records looks for it.
corrections as (

    select
        -- keys
        unioned.correction_id,
        {% for identifier_type in correction_identifier_types() %}
        case
            when unioned.identifier_type = '{{ identifier_type }}' then unioned.identifier_value
        end as {{ identifier_type }},
        {% endfor %}

        -- attributes
        unioned.identifier_type,
        unioned.field_name,
        {{ corrected_value('unioned.given_value', 'unioned.field_name') }} as field_value,
        unioned.reason,
        unioned.author,
        unioned.decided_on

    from unioned

)

select * from corrections

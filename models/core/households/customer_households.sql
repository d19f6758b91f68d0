{% set rules = var('households') %}

with

residences as (

    select * from {{ ref('int_households__residences') }}
    where household_id is not null

),

-- Many people at one address, whatever their names: flats behind one number, an office.
addresses as (

    select
        address_key,
        count(distinct customer_id) as person_count

    from residences
    group by address_key

),

households as (

    select
        household_id,
        count(distinct customer_id) as person_count

    from residences
    group by household_id

),

members as (

    select
        residences.*,
        row_number() over (
            partition by residences.customer_id
            order by
                residences.last_seen_at desc nulls last,
                residences.household_id
        ) as recency_rank

    from residences
    inner join addresses on residences.address_key = addresses.address_key
    inner join households on residences.household_id = households.household_id
    where
        addresses.person_count <= {{ rules.max_people_at_address }}
        and households.person_count between {{ rules.min_people }} and {{ rules.max_people }}

),

-- Where somebody was seen last, household or not.
latest_homes as (

    select
        customer_id,
        max(last_seen_at) as last_seen_at

    from residences
    group by customer_id

),

customer_households as (

    select
        -- keys
        members.household_id,
        members.customer_id,

        -- booleans
        case
            when members.recency_rank > 1 then false
            -- nobody knows when somebody was anywhere
            when latest_homes.last_seen_at is null then true
            else coalesce(members.last_seen_at = latest_homes.last_seen_at, false)
        end as is_current,

        -- evidence
        members.record_count,
        members.first_seen_at,
        members.last_seen_at

    from members
    inner join latest_homes on members.customer_id = latest_homes.customer_id

)

select * from customer_households

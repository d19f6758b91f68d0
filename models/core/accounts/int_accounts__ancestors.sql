{#- The one recursion in here: how many levels a company has, nobody knows beforehand. It ends at a
    company's own name, and after vars.account_levels. -#}

with recursive

parents as (

    select * from {{ ref('int_accounts__parents') }}

),

records as (

    select * from {{ ref('int_accounts__records') }}

),

walks as (

    select
        parents.account_id,
        parents.parent_account_id as ancestor_account_id,
        1 as distance

    from parents

    union all

    select
        walks.account_id,
        parents.parent_account_id as ancestor_account_id,
        walks.distance + 1 as distance

    from walks
    inner join parents on walks.ancestor_account_id = parents.account_id
    where
        walks.distance < {{ var('account_levels') }}
        and walks.ancestor_account_id <> walks.account_id

),

-- Companies that are their own ancestors. Nobody stands above them.
looping as (

    select distinct account_id
    from walks
    where account_id = ancestor_account_id

),

-- A walk from below a loop ends where it meets the loop.
first_looping as (

    select
        walks.account_id,
        min(walks.distance) as distance

    from walks
    inner join looping on walks.ancestor_account_id = looping.account_id
    group by walks.account_id

),

ancestors as (

    select distinct
        records.account_id,
        records.account_id as ancestor_account_id,
        0 as distance

    from records

    union all

    select
        walks.account_id,
        walks.ancestor_account_id,
        walks.distance

    from walks
    left join looping on walks.account_id = looping.account_id
    left join first_looping on walks.account_id = first_looping.account_id
    where
        looping.account_id is null
        and (
            first_looping.distance is null
            or walks.distance <= first_looping.distance
        )

)

select * from ancestors

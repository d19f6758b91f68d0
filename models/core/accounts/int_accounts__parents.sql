with

records as (

    select * from {{ ref('int_accounts__records') }}

),

-- Of several records of one company, the first that names a parent.
parents as (

    select
        account_id,
        parent_account_id,
        row_number() over (
            partition by account_id
            order by
                source_rank,
                record_key
        ) as parent_rank

    from records
    where parent_account_id is not null

),

account_parents as (

    select
        account_id,
        parent_account_id

    from parents
    where parent_rank = 1

)

select * from account_parents

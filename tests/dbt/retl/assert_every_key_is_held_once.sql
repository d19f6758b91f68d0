-- A destination holds a record once: the snapshot has one row per sync and key.
{% set snapshot = retl_table('sync_snapshot') %}
{% if snapshot is none %}
{{ nothing_to_test() }}
{% else %}
with

keys_held_twice as (

    select
        sync_name,
        count(*) as row_count

    from {{ snapshot }}
    group by sync_name, key
    having count(*) > 1 or key is null

)

select * from keys_held_twice
{% endif %}

-- A row is refused or it is not: the open refusals have one row per sync and key.
{% set rejected = retl_table('sync_rejected') %}
{% if rejected is none %}
{{ nothing_to_test() }}
{% else %}
with

rows_listed_twice as (

    select
        sync_name,
        key_sha256,
        count(*) as row_count

    from {{ rejected }}
    group by sync_name, key_sha256
    having count(*) > 1 or key_sha256 is null

)

select * from rows_listed_twice
{% endif %}

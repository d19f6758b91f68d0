-- A row that is refused for seven days, or for the fifth time, needs somebody. They are
-- counted by `kenning sync status`.
{{ config(severity='warn', meta={'owner': 'marketing-operations@example.com'}) }}
{% set rejected = retl_table('sync_rejected') %}
{% if rejected is none %}
{{ nothing_to_test() }}
{% else %}
with

refused_for_long as (

    select
        sync_name,
        key_sha256,
        error_class,
        error_code,
        error_field,
        attempt_count,
        first_rejected_at

    from {{ rejected }}
    where
        attempt_count >= 5
        or first_rejected_at < {{ dbt.dateadd('day', -7, as_of()) }}

)

select * from refused_for_long
{% endif %}

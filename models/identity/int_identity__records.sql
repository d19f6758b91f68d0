{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='fingerprint',
    on_schema_change='append_new_columns'
) }}

{% set entries = identifier_source_entries() %}
{% set no_time = 'cast(null as ' ~ dbt.type_timestamp() ~ ')' %}
{% set long_ago = "cast('1900-01-01' as " ~ dbt.type_timestamp() ~ ")" %}

{% set appended = entries | selectattr('appended_at') | map(attribute='model') | list %}
{% set compared_entries = entries | rejectattr('appended_at') | list %}

with

{% if is_incremental() and compared_entries %}
-- Where to look: buckets of rows of which the number or the digest is not what the records have.
present_buckets as (

    select
        bucket_rows.bucket,
        sum(bucket_rows.row_count) as row_count,
        sum(bucket_rows.content_digest) as content_digest

    from (
        {% for entry in compared_entries %}
        select
            {{ record_bucket(entry) }} as bucket,
            count(*) as row_count,
            {{ rows_digest(entry) }} as content_digest

        from {{ ref(entry.model) }}
        where {{ is_counted_row(entry) }}
        group by {{ record_bucket(entry) }}

        {{ 'union all' if not loop.last }}
        {% endfor %}
    ) as bucket_rows
    group by bucket_rows.bucket

),

known_buckets as (

    select
        known.bucket,
        sum(known.record_count) as row_count,
        sum(known.content_digest) as content_digest

    from {{ this }} as known
    where
        known.is_current
        {% if appended %}
        and known.source_model not in ('{{ appended | join("', '") }}')
        {% endif %}
    group by known.bucket

),

differing_buckets as (

    select coalesce(present_buckets.bucket, known_buckets.bucket) as bucket
    from present_buckets
    full outer join known_buckets on present_buckets.bucket = known_buckets.bucket
    where
        present_buckets.row_count is distinct from known_buckets.row_count
        or present_buckets.content_digest is distinct from known_buckets.content_digest

),
{% endif %}

{% for entry in entries %}
{% set seen_at = entry.seen_at or no_time %}
{% set record_key = dbt.cast(entry.record_key, dbt.type_string()) %}
-- Rows of a source that name the same identifiers are one record, kept under its earliest row.
{{ entry.model }} as (

    select
        {{ record_fingerprint(entry) }} as fingerprint,
        '{{ entry.model }}' as source_model,
        {{ earliest_by(record_key, seen_at, record_key) }} as record_key,
        min({{ seen_at }}) as first_seen_at,
        max({{ seen_at }}) as last_seen_at,
        count(*) as record_count,
        min({{ record_bucket(entry) }}) as bucket,
        {{ rows_digest(entry) }} as content_digest,
        max({{ entry.appended_at or no_time }}) as last_appended_at

    from {{ ref(entry.model) }}
    where
        {{ is_counted_row(entry) }}
        {% if is_incremental() and entry.appended_at %}
        and {{ entry.appended_at }} > (
            select coalesce(max(own_rows.last_appended_at), {{ long_ago }})
            from {{ this }} as own_rows
            where own_rows.source_model = '{{ entry.model }}'
        )
        {% elif is_incremental() %}
        and {{ record_bucket(entry) }} in (
            select differing_buckets.bucket
            from differing_buckets
        )
        {% endif %}
    group by {{ record_fingerprint(entry) }}

),

{% endfor %}
present as (

    {% for entry in entries %}
    select
        fingerprint,
        source_model,
        record_key,
        first_seen_at,
        last_seen_at,
        record_count,
        bucket,
        content_digest,
        last_appended_at
    from {{ entry.model }}

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

{% if is_incremental() %}
{% if appended %}
{% set known_is_first = comes_first(
    'known.first_seen_at', 'known.record_key', 'present.first_seen_at', 'present.record_key'
) %}
-- Of a source that only grows, what was read before still holds, and what came since adds to it.
grown as (

    select
        present.fingerprint,
        present.source_model,
        case
            when {{ known_is_first }} then known.record_key
            else present.record_key
        end as record_key,
        case
            when {{ known_is_first }} then known.first_seen_at
            else present.first_seen_at
        end as first_seen_at,
        case
            when known.last_seen_at > present.last_seen_at or present.last_seen_at is null
                then known.last_seen_at
            else present.last_seen_at
        end as last_seen_at,
        present.record_count + coalesce(known.record_count, 0) as record_count,
        present.bucket,
        present.content_digest + coalesce(known.content_digest, 0) as content_digest,
        present.last_appended_at

    from present
    -- what was read before the source was said to grow is read again, and counts once
    left join {{ this }} as known
        on
            present.fingerprint = known.fingerprint
            and known.last_appended_at is not null
    where present.source_model in ('{{ appended | join("', '") }}')

),
{% endif %}

compared as (

    select * from present
    {% if appended %}
    where source_model not in ('{{ appended | join("', '") }}')
    {% endif %}

),

known_rows as (

    select known.*
    from {{ this }} as known
    {% if compared_entries %}
    inner join differing_buckets on known.bucket = differing_buckets.bucket
    {% endif %}
    {% if appended %}
    where known.source_model not in ('{{ appended | join("', '") }}')
    {% endif %}

),

-- In those buckets, what came, changed, and went: every source row of the latter is gone, or names
-- others now.
differing as (

    select
        coalesce(compared.fingerprint, known_rows.fingerprint) as fingerprint,
        compared.fingerprint is not null as is_current,
        compared.source_model,
        compared.record_key,
        compared.first_seen_at,
        compared.last_seen_at,
        compared.record_count,
        compared.bucket,
        compared.content_digest,
        compared.last_appended_at

    from compared
    full outer join known_rows on compared.fingerprint = known_rows.fingerprint
    where
        known_rows.fingerprint is null
        or known_rows.is_current <> (compared.fingerprint is not null)
        or (
            compared.fingerprint is not null
            and (
                known_rows.record_key <> compared.record_key
                or known_rows.record_count <> compared.record_count
                or known_rows.first_seen_at is distinct from compared.first_seen_at
                or known_rows.last_seen_at is distinct from compared.last_seen_at
                or known_rows.content_digest is distinct from compared.content_digest
            )
        )

),

changed as (

    select
        differing.fingerprint,
        differing.source_model,
        differing.record_key,
        differing.first_seen_at,
        differing.last_seen_at,
        differing.record_count,
        differing.bucket,
        differing.content_digest,
        differing.last_appended_at

    from differing
    where differing.is_current

    {% if appended %}
    union all

    select * from grown
    {% endif %}

),

gone as (

    select known.*
    from {{ this }} as known
    inner join differing on known.fingerprint = differing.fingerprint
    where not differing.is_current

),
{% else %}
changed as (

    select * from present

),
{% endif %}

{% for entry in entries %}
{{ entry.model }}_identifiers as (

    select
        {% for identifier in identifier_columns(entry) %}
        {{ identifier.expression }} as {{ identifier.column }},
        {% endfor %}
        {{ dbt.cast(entry.record_key, dbt.type_string()) }} as source_record_key

    from {{ ref(entry.model) }}

),

{% endfor %}
-- The identifiers themselves are read of changed records only: they are most of the bytes.
named as (

    {% for entry in entries %}
    {% set columns = identifier_columns(entry) %}
    select
        changed.fingerprint,
        changed.source_model,
        changed.record_key,
        {% for slot in range(identifier_slots()) %}
        {% if slot < columns | length %}
        source_rows.{{ columns[slot].column }} as identifier_{{ slot + 1 }},
        {% else %}
        cast(null as {{ dbt.type_string() }}) as identifier_{{ slot + 1 }},
        {% endif %}
        {% endfor %}
        changed.first_seen_at,
        changed.last_seen_at,
        changed.record_count,
        changed.bucket,
        changed.content_digest,
        changed.last_appended_at,
        true as is_current

    from changed
    inner join {{ entry.model }}_identifiers as source_rows
        on changed.record_key = source_rows.source_record_key
    where changed.source_model = '{{ entry.model }}'

    {{ 'union all' if not loop.last }}

    {% endfor %}
    {% if is_incremental() %}
    union all

    select
        gone.fingerprint,
        gone.source_model,
        gone.record_key,
        {% for slot in range(1, identifier_slots() + 1) %}
        gone.identifier_{{ slot }},
        {% endfor %}
        gone.first_seen_at,
        gone.last_seen_at,
        gone.record_count,
        gone.bucket,
        gone.content_digest,
        gone.last_appended_at,
        false as is_current

    from gone
    {% endif %}

),

records as (

    select
        named.*,
        {{ current_run() }} as changed_run

    from named

)

select * from records

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='fingerprint',
    on_schema_change='append_new_columns'
) }}

{% set entries = identifier_source_entries() %}
{% set no_text = 'cast(null as ' ~ dbt.type_string() ~ ')' %}
{% set no_time = 'cast(null as ' ~ dbt.type_timestamp() ~ ')' %}
{% set long_ago = "cast('1900-01-01' as " ~ dbt.type_timestamp() ~ ")" %}

{% set appended = entries | selectattr('appended_at') | map(attribute='model') | list %}
{% set compared_entries = entries | rejectattr('appended_at') | list %}

with

{% if is_incremental() and compared_entries %}
-- Where to look: buckets in which the digests of rows and of records do not cancel each other out.
differing_buckets as (

    select digests.bucket

    from (
        {% for entry in compared_entries %}
        select
            {{ record_bucket(entry) }} as bucket,
            {{ row_digest(entry) }} as content_digest

        from {{ ref(entry.model) }}
        where {{ is_counted_row(entry) }}

        union all

        {% endfor %}
        select
            known.bucket,
            -known.content_digest as content_digest

        from {{ this }} as known
        where
            known.is_current
            {% if appended %}
            and known.source_model not in ('{{ appended | join("', '") }}')
            {% endif %}
    ) as digests
    group by digests.bucket
    having sum(digests.content_digest) <> 0

),
{% endif %}

{% for entry in entries %}
{% set seen_at = entry.seen_at or no_time %}
{% set record_key = dbt.cast(entry.record_key, dbt.type_string()) %}
{% set columns = identifier_columns(entry) %}
-- Rows of a source that name the same identifiers are one record, kept under its earliest row.
{{ entry.model }} as (

    select
        {{ record_fingerprint(entry) }} as fingerprint,
        '{{ entry.model }}' as source_model,
        {{ earliest_by(record_key, seen_at, record_key) }} as record_key,
        {% for slot in range(identifier_slots()) %}
        {{ columns[slot].expression if slot < columns | length else no_text }}
            as identifier_{{ slot + 1 }},
        {% endfor %}
        min({{ seen_at }}) as first_seen_at,
        max({{ seen_at }}) as last_seen_at,
        count(*) as record_count,
        {{ record_bucket(entry) }} as bucket,
        sum({{ row_digest(entry) }}) as content_digest,
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
    group by {{ columns | map(attribute='expression') | join(', ') }}

),

{% endfor %}
present as (

    {% for entry in entries %}
    select * from {{ entry.model }}

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
        {% for slot in range(1, identifier_slots() + 1) %}
        present.identifier_{{ slot }},
        {% endfor %}
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
        {% for slot in range(1, identifier_slots() + 1) %}
        compared.identifier_{{ slot }},
        {% endfor %}
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
                or known_rows.bucket <> compared.bucket
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
        {% for slot in range(1, identifier_slots() + 1) %}
        differing.identifier_{{ slot }},
        {% endfor %}
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

records as (

    select
        changed.*,
        true as is_current,
        {{ current_run() }} as changed_run

    from changed

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
        false as is_current,
        {{ current_run() }} as changed_run

    from gone
    {% endif %}

)

select * from records

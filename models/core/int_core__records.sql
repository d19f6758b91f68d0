-- depends_on: {{ ref('int_identity__assignment_history') }}
-- depends_on: {{ ref('int_identity__assignments') }}
-- depends_on: {{ ref('int_identity__nodes') }}
-- depends_on: {{ ref('int_identity__registry') }}
-- depends_on: {{ ref('int_identity__runs') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['source_model', 'record_key'],
    on_schema_change='fail'
) }}

{% set entries = customer_record_entries() %}
{% set no_text = 'cast(null as ' ~ dbt.type_string() ~ ')' %}

with

{% if is_incremental() %}
-- Where to look: buckets in which digests of staged and of known rows do not cancel each other out.
differing_buckets as (

    select digests.bucket

    from (
        {% for entry in entries %}
        {% set digest = content_digest(entry, entry.model) %}
        select
            {{ digest_bucket(digest) }} as bucket,
            {{ summable_number(digest) }} as summed_digest

        from {{ ref(entry.model) }} as {{ entry.model }}
        where {{ entry.model }}.{{ entry.record_key }} is not null

        union all

        {% endfor %}
        select
            {{ digest_bucket('known.content_digest') }} as bucket,
            -{{ summable_number('known.content_digest') }} as summed_digest

        from {{ this }} as known
        where known.is_current
    ) as digests
    group by digests.bucket
    having sum(digests.summed_digest) <> 0

),

looked_at as (

    select
        known.source_model,
        known.record_key,
        known.content_digest

    from {{ this }} as known
    inner join differing_buckets
        on {{ digest_bucket('known.content_digest') }} = differing_buckets.bucket
    where known.is_current

),

-- Identifiers that changed hands, came, or went since the last run that wrote this table. One that
-- was only seen again attributes its rows as before.
moved_nodes as (

    select assignments.node_id
    from {{ ref('int_identity__assignments') }} as assignments
    where assignments.changed_run > {{ last_own_run() }}

    union

    select history.node_id
    from {{ ref('int_identity__assignment_history') }} as history
    where history.changed_run > {{ last_own_run() }}

    union

    select nodes.node_id
    from {{ ref('int_identity__nodes') }} as nodes
    where nodes.status_changed_run > {{ last_own_run() }}

),

moved_identifiers as (

    select
        registry.identifier_type,
        registry.identifier_value

    from {{ ref('int_identity__registry') }} as registry
    inner join moved_nodes on registry.node_id = moved_nodes.node_id

),
{% endif %}

{% for entry in entries %}
{% set rows = entry.model %}
{% set record_key = dbt.cast(rows ~ '.' ~ entry.record_key, dbt.type_string()) %}
{% set parent = rows ~ '.' ~ (entry.parent_key or entry.record_key) %}
{% set parent_key = dbt.cast(parent, dbt.type_string()) if entry.parent_key else no_text %}
{% if is_incremental() %}
-- Rows that came or say something else, and rows of identifiers that moved.
{{ rows }}__staged as (

    select
        {{ record_key }} as record_key,
        {{ content_digest(entry, rows) }} as content_digest

    from {{ ref(entry.model) }} as {{ rows }}
    inner join differing_buckets
        on {{ digest_bucket(content_digest(entry, rows)) }} = differing_buckets.bucket

),

{{ rows }}__touched as (

    select staged.record_key
    from {{ rows }}__staged as staged
    left join looked_at
        on
            staged.record_key = looked_at.record_key
            and looked_at.source_model = '{{ entry.model }}'
    where
        looked_at.record_key is null
        or looked_at.content_digest <> staged.content_digest

    {% for identifier_type in entry.identified_by %}
    union

    select {{ record_key }} as record_key
    from {{ ref(entry.model) }} as {{ rows }}
    inner join moved_identifiers
        on
            {{ rows }}.{{ identifier_type }} = moved_identifiers.identifier_value
            and moved_identifiers.identifier_type = '{{ identifier_type }}'

    {% endfor %}
),
{% endif %}

{{ rows }}__read as (

    select
        {{ record_key }} as record_key,
        {{ parent_key }} as parent_key,
        {% for identifier_type in entry.identified_by %}
        {{ rows }}.{{ identifier_type }},
        {% endfor %}
        {{ content_digest(entry, rows) }} as content_digest

    from {{ ref(entry.model) }} as {{ rows }}
    {% if is_incremental() %}
    inner join {{ rows }}__touched as touched on {{ record_key }} = touched.record_key
    {% endif %}

),

{% endfor %}
{% if is_incremental() %}
-- Of the map, what these rows name: a few of its rows, instead of all of them for each source.
named_identifiers as (

    {% for entry in entries %}
    {% for identifier_type in entry.identified_by %}
    select
        '{{ identifier_type }}' as identifier_type,
        staged.{{ identifier_type }} as identifier_value

    from {{ entry.model }}__read as staged

    union

    {% endfor %}
    {% endfor %}
    select
        moved_identifiers.identifier_type,
        moved_identifiers.identifier_value

    from moved_identifiers

),

identities as (

    select
        map.identifier_type,
        map.identifier_value,
        map.customer_id,
        map.is_shared

    from {{ ref('identity_map') }} as map
    inner join named_identifiers
        on
            map.identifier_type = named_identifiers.identifier_type
            and map.identifier_value = named_identifiers.identifier_value

),
{% else %}
identities as (

    select * from {{ ref('identity_map') }}

),
{% endif %}

present as (

    {% for entry in entries %}
    {% set is_nobodys = not entry.identified_by %}
    select
        '{{ entry.model }}' as source_model,
        staged.record_key,
        staged.parent_key,
        {{ no_text if is_nobodys else resolved_customer_id(entry.identified_by) }} as customer_id,
        staged.content_digest

    from {{ entry.model }}__read as staged
    {{ customer_lookups('staged', entry.identified_by, 'identities') }}

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

{% if is_incremental() %}
gone as (

    {% for entry in entries %}
    select
        looked_at.source_model,
        looked_at.record_key

    from looked_at
    left join {{ entry.model }}__staged as staged on looked_at.record_key = staged.record_key
    where
        looked_at.source_model = '{{ entry.model }}'
        and staged.record_key is null

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

touched as (

    select
        present.source_model,
        present.record_key

    from present

    union all

    select * from gone

),

-- Whose a row was before stays, so that a customer who lost it is worked on anew as well.
former as (

    select
        attributed.source_model,
        attributed.record_key,
        attributed.parent_key,
        attributed.customer_id,
        max(attributed.content_digest) as content_digest,
        max(attributed.changed_run) as changed_run

    from (
        select
            known.source_model,
            known.record_key,
            known.parent_key,
            known.customer_id,
            known.content_digest,
            case
                when known.is_current then {{ current_run() }}
                else known.changed_run
            end as changed_run,
            0 as is_present

        from {{ this }} as known
        inner join touched
            on
                known.source_model = touched.source_model
                and known.record_key = touched.record_key

        union all

        select
            present.source_model,
            present.record_key,
            present.parent_key,
            present.customer_id,
            present.content_digest,
            0 as changed_run,
            1 as is_present

        from present
    ) as attributed
    group by
        attributed.source_model,
        attributed.record_key,
        attributed.parent_key,
        attributed.customer_id
    having max(attributed.is_present) = 0

),
{% endif %}

records as (

    select
        present.source_model,
        present.record_key,
        present.parent_key,
        present.customer_id,
        present.content_digest,
        true as is_current,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from present

    {% if is_incremental() %}
    union all

    select
        former.source_model,
        former.record_key,
        former.parent_key,
        former.customer_id,
        former.content_digest,
        false as is_current,
        cast(former.changed_run as {{ dbt.type_bigint() }}) as changed_run

    from former
    {% endif %}

)

select * from records

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['fingerprint', 'centre_node_id', 'node_id']
) }}

with

{% if is_incremental() %}
touched as (

    select observations.fingerprint
    from {{ ref('int_identity__observations') }} as observations
    where observations.changed_run > {{ last_own_run() }}

    union

    select observations.fingerprint
    from {{ ref('int_identity__observations') }} as observations
    inner join {{ ref('int_identity__nodes') }} as nodes on observations.node_id = nodes.node_id
    where nodes.status_changed_run > {{ last_own_run() }}

),
{% endif %}

usable_observations as (

    select
        observations.fingerprint,
        observations.node_id,
        nodes.entity,
        nodes.type_rank,
        nodes.status = 'active' as is_active

    from {{ ref('int_identity__observations') }} as observations
    inner join {{ ref('int_identity__nodes') }} as nodes on observations.node_id = nodes.node_id
    {% if is_incremental() %}
    inner join touched on observations.fingerprint = touched.fingerprint
    {% endif %}
    where
        observations.is_current
        and nodes.status in ('active', 'shared', 'attached')

),

-- The strongest identifier of a record that may merge is the centre of its star.
centred as (

    select
        usable_observations.fingerprint,
        usable_observations.node_id,
        usable_observations.is_active,
        first_value(usable_observations.node_id) over centre as centre_node_id,
        first_value(usable_observations.is_active) over centre as is_centre_active

    from usable_observations
    window
        centre as (
            partition by usable_observations.fingerprint, usable_observations.entity
            order by
                case when usable_observations.is_active then 0 else 1 end,
                usable_observations.type_rank,
                usable_observations.node_id
            rows between unbounded preceding and unbounded following
        )

),

links as (

    select
        centred.fingerprint,
        centred.centre_node_id,
        centred.node_id,
        centred.is_active and centred.is_centre_active as is_merging

    from centred
    where centred.centre_node_id <> centred.node_id

),

{% if is_incremental() %}
known as (

    select own_rows.*
    from {{ this }} as own_rows
    inner join touched on own_rows.fingerprint = touched.fingerprint

),

changed as (

    select
        coalesce(links.fingerprint, known.fingerprint) as fingerprint,
        coalesce(links.centre_node_id, known.centre_node_id) as centre_node_id,
        coalesce(links.node_id, known.node_id) as node_id,
        links.fingerprint is not null as is_current,
        coalesce(links.is_merging, false) as is_merging,
        {{ current_run() }} as changed_run

    from links
    full outer join known
        on
            links.fingerprint = known.fingerprint
            and links.centre_node_id = known.centre_node_id
            and links.node_id = known.node_id
    where
        known.fingerprint is null
        or known.is_current <> (links.fingerprint is not null)
        or known.is_merging <> coalesce(links.is_merging, false)

)
{% else %}
changed as (

    select
        links.fingerprint,
        links.centre_node_id,
        links.node_id,
        true as is_current,
        links.is_merging,
        {{ current_run() }} as changed_run

    from links

)
{% endif %}

select * from changed

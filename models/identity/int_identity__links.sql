{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['fingerprint', 'centre_node_id', 'node_id']
) }}

{% set last_run = last_own_run() %}

with

{% if is_incremental() %}
touched as (

    select observations.fingerprint
    from {{ ref('int_identity__observations') }} as observations
    where observations.changed_run > {{ last_run }}

    union

    select observations.fingerprint
    from {{ ref('int_identity__observations') }} as observations
    inner join {{ ref('int_identity__nodes') }} as nodes on observations.node_id = nodes.node_id
    where nodes.status_changed_run > {{ last_run }}

),
{% endif %}

-- Without conditions on observations or nodes: a planner would take these for the small side, and
-- begin with them. What does not count is ranked last, and left out below.
standing as (

    select
        observations.fingerprint,
        observations.node_id,
        nodes.entity,
        nodes.type_rank,
        case
            when not observations.is_current then 2
            when nodes.status = 'active' then 0
            when nodes.status in ('shared', 'attached') then 1
            else 2
        end as standing_rank

    from {{ ref('int_identity__observations') }} as observations
    {% if is_incremental() %}
    inner join touched on observations.fingerprint = touched.fingerprint
    {% endif %}
    left join {{ ref('int_identity__nodes') }} as nodes on observations.node_id = nodes.node_id

),

-- The strongest identifier of a record that may merge is the centre of its star.
centred as (

    select
        standing.fingerprint,
        standing.node_id,
        standing.standing_rank,
        first_value(standing.node_id) over centre as centre_node_id,
        first_value(standing.standing_rank) over centre as centre_rank

    from standing
    window
        centre as (
            partition by standing.fingerprint, standing.entity
            order by standing.standing_rank, standing.type_rank, standing.node_id
            rows between unbounded preceding and unbounded following
        )

),

links as (

    select
        centred.fingerprint,
        centred.centre_node_id,
        centred.node_id,
        centred.standing_rank = 0 and centred.centre_rank = 0 as is_merging

    from centred
    where
        centred.centre_node_id <> centred.node_id
        and centred.standing_rank < 2

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

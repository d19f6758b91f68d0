{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='node_id',
    full_refresh=false
) }}

with

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

links as (

    select * from {{ ref('int_identity__links') }}

),

observations as (

    select * from {{ ref('int_identity__observations') }}

),

components as (

    select * from {{ ref('int_identity__components') }}

),

repairs as (

    select * from {{ ref('int_identity__repairs') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}
    where is_current

),

identifier_types as (

    {{ identifier_type_rows() }}

),

-- A link rule makes any identifier merge: a person said whose it is.
linked_by_rule as (

    select overrides.left_node_id as node_id
    from overrides
    where overrides.action = 'link'

    union

    select overrides.right_node_id as node_id
    from overrides
    where overrides.action = 'link'

),

standing as (

    select
        nodes.node_id,
        nodes.type_rank,
        coalesce(components.component_id, nodes.node_id) as optimistic_id,
        case
            when repairs.component_id = components.component_id then repairs.repaired_component_id
            else coalesce(components.component_id, nodes.node_id)
        end as component_id,
        (nodes.status = 'active' or linked_by_rule.node_id is not null)
        and not coalesce(repairs.component_id = components.component_id and repairs.is_demoted, false)
            as is_merging

    from nodes
    left join components on nodes.node_id = components.node_id
    left join repairs on nodes.node_id = repairs.node_id
    left join linked_by_rule on nodes.node_id = linked_by_rule.node_id
    where
        nodes.status in ('active', 'shared', 'attached')
        or (nodes.status = 'blocked' and linked_by_rule.node_id is not null)

),

{% if is_incremental() %}
known as (

    select * from {{ this }}

),

changed_nodes as (

    select nodes.node_id
    from nodes
    where nodes.status_changed_run > {{ last_own_run() }}

    union

    select components.node_id
    from components
    where components.changed_run > {{ last_own_run() }}

    union

    select repairs.node_id
    from repairs
    where repairs.changed_run > {{ last_own_run() }}

    union

    select changed_rules.left_node_id as node_id
    from {{ ref('int_identity__overrides') }} as changed_rules
    where changed_rules.changed_run > {{ last_own_run() }}

    union

    select changed_rules.right_node_id as node_id
    from {{ ref('int_identity__overrides') }} as changed_rules
    where changed_rules.changed_run > {{ last_own_run() }}

),

-- With an anchor that comes or goes, all who were named after it are looked at again.
touched_components as (

    select coalesce(components.component_id, changed_nodes.node_id) as optimistic_id
    from changed_nodes
    left join components on changed_nodes.node_id = components.node_id

    union

    select coalesce(components.component_id, known.node_id) as optimistic_id
    from known
    inner join changed_nodes on known.anchor_node_id = changed_nodes.node_id
    left join components on known.node_id = components.node_id

),

placed as (

    select standing.*
    from standing
    inner join touched_components on standing.optimistic_id = touched_components.optimistic_id
    where standing.is_merging

),

-- Names whose anchor merges no more: deleted, blocked, shared or demoted.
orphaned_names as (

    select distinct known.anchor_node_id
    from known
    inner join placed on known.node_id = placed.node_id
    left join standing as anchors
        on
            known.anchor_node_id = anchors.node_id
            and anchors.is_merging
    where anchors.node_id is null

),

-- Such a name stays with the part that holds the oldest identifier that is left.
heirs as (

    select
        known.anchor_node_id,
        min(known.node_id) as heir_node_id

    from known
    inner join orphaned_names on known.anchor_node_id = orphaned_names.anchor_node_id
    inner join standing
        on
            known.node_id = standing.node_id
            and standing.is_merging
    where not known.is_shared
    group by known.anchor_node_id

),

inherited_names as (

    select
        placed.component_id,
        min(heirs.anchor_node_id) as anchor_node_id

    from heirs
    inner join placed on heirs.heir_node_id = placed.node_id
    group by placed.component_id

),
{% else %}
placed as (

    select standing.*
    from standing
    where standing.is_merging

),
{% endif %}

-- A customer is named after its oldest identifier: a component is called by its smallest node.
merged as (

    select
        placed.node_id,
        placed.component_id,
        {% if is_incremental() %}
        case
            when inherited_names.anchor_node_id < placed.component_id
                then inherited_names.anchor_node_id
            else placed.component_id
        end as anchor_node_id,
        {% else %}
        placed.component_id as anchor_node_id,
        {% endif %}
        false as is_shared

    from placed
    {% if is_incremental() %}
    left join inherited_names on placed.component_id = inherited_names.component_id
    {% endif %}

),

customers as (

    select
        merged.node_id,
        merged.component_id,
        merged.anchor_node_id

    from merged

    {% if is_incremental() %}
    union all

    select
        known.node_id,
        known.component_id,
        known.anchor_node_id

    from known
    inner join standing
        on
            known.node_id = standing.node_id
            and standing.is_merging
    left join merged on known.node_id = merged.node_id
    where
        merged.node_id is null
        and not known.is_shared
        and known.anchor_node_id is not null
    {% endif %}

),

attached as (

    select
        standing.node_id,
        identifier_types.attaches_to_last

    from standing
    inner join identifier_types on standing.type_rank = identifier_types.type_rank
    where not standing.is_merging

),

meetings as (

    select
        attached.node_id,
        attached.attaches_to_last,
        links.centre_node_id as other_node_id,
        links.fingerprint

    from attached
    inner join links on attached.node_id = links.node_id
    where links.is_current

    union all

    select
        attached.node_id,
        attached.attaches_to_last,
        links.node_id as other_node_id,
        links.fingerprint

    from attached
    inner join links on attached.node_id = links.centre_node_id
    where links.is_current

),

-- An identifier that merges nobody belongs to the customer that it was seen with most, or last, as its
-- type says; never to one from whom a rule parts it.
candidates as (

    select
        meetings.node_id,
        customers.component_id,
        customers.anchor_node_id,
        row_number() over (
            partition by meetings.node_id
            order by
                case when meetings.attaches_to_last then max(observations.last_seen_at) end desc nulls last,
                sum(observations.record_count) desc,
                max(observations.last_seen_at) desc nulls last,
                customers.component_id
        ) as candidate_index

    from meetings
    inner join customers on meetings.other_node_id = customers.node_id
    inner join observations
        on
            meetings.fingerprint = observations.fingerprint
            and meetings.node_id = observations.node_id
    where
        not exists (
            select 1
            from overrides
            inner join customers as parted
                on
                    parted.node_id in (overrides.left_node_id, overrides.right_node_id)
                    and parted.component_id = customers.component_id
            where
                overrides.action = 'never_link'
                and meetings.node_id in (overrides.left_node_id, overrides.right_node_id)
        )
    group by
        meetings.node_id,
        meetings.attaches_to_last,
        customers.component_id,
        customers.anchor_node_id

),

assigned as (

    select
        merged.node_id,
        merged.component_id,
        merged.anchor_node_id,
        merged.is_shared

    from merged

    union all

    select
        attached.node_id,
        coalesce(candidates.component_id, attached.node_id) as component_id,
        coalesce(candidates.anchor_node_id, attached.node_id) as anchor_node_id,
        true as is_shared

    from attached
    left join candidates
        on
            attached.node_id = candidates.node_id
            and candidates.candidate_index = 1

),

{% if is_incremental() %}
changed as (

    select
        assigned.node_id,
        assigned.component_id,
        assigned.anchor_node_id,
        assigned.is_shared,
        {{ current_run() }} as changed_run

    from assigned
    left join known on assigned.node_id = known.node_id
    where
        known.node_id is null
        or known.component_id is distinct from assigned.component_id
        or known.anchor_node_id is distinct from assigned.anchor_node_id
        or known.is_shared <> assigned.is_shared

    union all

    -- Gone from every source, or blocked: the row stays, and names nobody.
    select
        known.node_id,
        null as component_id,
        null as anchor_node_id,
        known.is_shared,
        {{ current_run() }} as changed_run

    from known
    left join standing on known.node_id = standing.node_id
    where
        standing.node_id is null
        and known.anchor_node_id is not null

)
{% else %}
changed as (

    select
        assigned.node_id,
        assigned.component_id,
        assigned.anchor_node_id,
        assigned.is_shared,
        {{ current_run() }} as changed_run

    from assigned

)
{% endif %}

select * from changed

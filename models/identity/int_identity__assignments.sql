{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='node_id',
    full_refresh=false
) }}

{% set last_run = last_own_run() %}

with

observations as (

    select * from {{ ref('int_identity__observations') }}

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

{% if is_incremental() %}
changed_nodes as (

    select nodes.node_id
    from {{ ref('int_identity__nodes') }} as nodes
    where nodes.status_changed_run > {{ last_run }}

    union

    select components.node_id
    from {{ ref('int_identity__components') }} as components
    where components.changed_run > {{ last_run }}

    union

    select repairs.node_id
    from {{ ref('int_identity__repairs') }} as repairs
    where repairs.changed_run > {{ last_run }}

    union

    select changed_rules.left_node_id as node_id
    from {{ ref('int_identity__overrides') }} as changed_rules
    where changed_rules.changed_run > {{ last_run }}

    union

    select changed_rules.right_node_id as node_id
    from {{ ref('int_identity__overrides') }} as changed_rules
    where changed_rules.changed_run > {{ last_run }}

),

-- With an anchor that comes or goes, all who were named after it are looked at again.
moving_nodes as (

    select changed_nodes.node_id
    from changed_nodes

    union

    select known.node_id
    from {{ this }} as known
    where known.anchor_node_id in (select changed_nodes.node_id from changed_nodes)

),

scope as (

    select moving_nodes.node_id
    from moving_nodes

    union

    select components.node_id
    from {{ ref('int_identity__components') }} as components
    where
        components.component_id in (
            select moving_components.component_id
            from {{ ref('int_identity__components') }} as moving_components
            inner join moving_nodes on moving_components.node_id = moving_nodes.node_id
        )

),
{% else %}
scope as (

    select nodes.node_id
    from {{ ref('int_identity__nodes') }} as nodes

),
{% endif %}

standing as (

    select
        nodes.node_id,
        case
            when repairs.component_id = components.component_id then repairs.repaired_component_id
            else coalesce(components.component_id, nodes.node_id)
        end as component_id,
        (
            nodes.status = 'active'
            or (nodes.status <> 'absent' and linked_by_rule.node_id is not null)
        )
        and not coalesce(
            repairs.component_id = components.component_id
            and repairs.is_demoted,
            false
        ) as is_merging

    from scope
    inner join {{ ref('int_identity__nodes') }} as nodes on scope.node_id = nodes.node_id
    left join {{ ref('int_identity__components') }} as components
        on nodes.node_id = components.node_id
    left join {{ ref('int_identity__repairs') }} as repairs on nodes.node_id = repairs.node_id
    left join linked_by_rule on nodes.node_id = linked_by_rule.node_id

),

placed as (

    select standing.*
    from standing
    where standing.is_merging

),

{% if is_incremental() %}
named_before as (

    select distinct known.anchor_node_id
    from {{ this }} as known
    inner join placed on known.node_id = placed.node_id
    where known.anchor_node_id is not null

),

-- Names whose anchor merges no more: deleted, blocked, shared or demoted.
orphaned_names as (

    select
        named_before.anchor_node_id,
        nodes.status = 'absent' as is_absent

    from named_before
    inner join {{ ref('int_identity__nodes') }} as nodes
        on named_before.anchor_node_id = nodes.node_id
    left join {{ ref('int_identity__components') }} as components
        on named_before.anchor_node_id = components.node_id
    left join {{ ref('int_identity__repairs') }} as repairs
        on
            named_before.anchor_node_id = repairs.node_id
            and components.component_id = repairs.component_id
            and repairs.is_demoted
    left join linked_by_rule on named_before.anchor_node_id = linked_by_rule.node_id
    where
        (nodes.status <> 'active' and linked_by_rule.node_id is null)
        or repairs.node_id is not null

),

-- Such a name stays with the part that holds the oldest identifier that is left. One that nothing
-- happened to is not in scope, and merges as before.
heirs as (

    select
        known.anchor_node_id,
        orphaned_names.is_absent,
        min(known.node_id) as heir_node_id

    from {{ this }} as known
    inner join orphaned_names on known.anchor_node_id = orphaned_names.anchor_node_id
    left join scope on known.node_id = scope.node_id
    left join placed on known.node_id = placed.node_id
    where
        not known.is_shared
        and (placed.node_id is not null or scope.node_id is null)
    group by
        known.anchor_node_id,
        orphaned_names.is_absent

),

-- A part that was a customer of its own before gets its own name back, unless the anchor is gone.
inherited_names as (

    select
        placed.component_id,
        min(heirs.anchor_node_id) as anchor_node_id

    from heirs
    inner join placed on heirs.heir_node_id = placed.node_id
    left join {{ this }} as known on placed.component_id = known.node_id
    where
        heirs.is_absent
        or not coalesce(known.was_anchor, false)
    group by placed.component_id

),

-- A customer is named after its oldest identifier: a component is called by its smallest node.
merged as (

    select
        placed.node_id,
        placed.component_id,
        case
            when inherited_names.anchor_node_id < placed.component_id
                then inherited_names.anchor_node_id
            else placed.component_id
        end as anchor_node_id,
        false as is_shared

    from placed
    left join inherited_names on placed.component_id = inherited_names.component_id

),
{% else %}
-- A customer is named after its oldest identifier: a component is called by its smallest node.
merged as (

    select
        placed.node_id,
        placed.component_id,
        placed.component_id as anchor_node_id,
        false as is_shared

    from placed

),
{% endif %}

attached as (

    select
        nodes.node_id,
        nodes.type_rank,
        identifier_types.attaches_to_last

    from {{ ref('int_identity__nodes') }} as nodes
    inner join identifier_types on nodes.type_rank = identifier_types.type_rank
    left join linked_by_rule on nodes.node_id = linked_by_rule.node_id
    where
        nodes.status in ('shared', 'attached')
        and linked_by_rule.node_id is null

    union all

    select
        nodes.node_id,
        nodes.type_rank,
        identifier_types.attaches_to_last

    from {{ ref('int_identity__repairs') }} as repairs
    inner join {{ ref('int_identity__components') }} as components
        on
            repairs.node_id = components.node_id
            and repairs.component_id = components.component_id
    inner join {{ ref('int_identity__nodes') }} as nodes on repairs.node_id = nodes.node_id
    inner join identifier_types on nodes.type_rank = identifier_types.type_rank
    where
        repairs.is_demoted
        and nodes.status = 'active'

),

meetings as (

    select
        attached.node_id,
        attached.attaches_to_last,
        links.centre_node_id as other_node_id,
        links.fingerprint

    from attached
    inner join {{ ref('int_identity__links') }} as links on attached.node_id = links.node_id
    where links.is_current

    union all

    select
        attached.node_id,
        attached.attaches_to_last,
        links.node_id as other_node_id,
        links.fingerprint

    from attached
    inner join {{ ref('int_identity__links') }} as links on attached.node_id = links.centre_node_id
    where links.is_current

),

met_nodes as (

    select distinct meetings.other_node_id as node_id
    from meetings

),

customers as (

    select
        merged.node_id,
        merged.component_id,
        merged.anchor_node_id

    from met_nodes
    inner join merged on met_nodes.node_id = merged.node_id

    {% if is_incremental() %}
    union all

    select
        known.node_id,
        known.component_id,
        known.anchor_node_id

    from met_nodes
    inner join {{ this }} as known on met_nodes.node_id = known.node_id
    left join scope on met_nodes.node_id = scope.node_id
    where
        scope.node_id is null
        and not known.is_shared
        and known.anchor_node_id is not null
    {% endif %}

),

-- Customers that a rule parts an identifier from that merges nobody.
parted as (

    select
        overrides.left_node_id as node_id,
        overrides.right_node_id as other_node_id

    from overrides
    where overrides.action = 'never_link'

    union all

    select
        overrides.right_node_id as node_id,
        overrides.left_node_id as other_node_id

    from overrides
    where overrides.action = 'never_link'

),

parted_components as (

    select distinct
        parted.node_id,
        coalesce(merged.component_id{{ ', known.component_id' if is_incremental() }})
            as component_id

    from parted
    inner join attached on parted.node_id = attached.node_id
    left join merged on parted.other_node_id = merged.node_id
    {% if is_incremental() %}
    left join scope on parted.other_node_id = scope.node_id
    left join {{ this }} as known
        on
            parted.other_node_id = known.node_id
            and not known.is_shared
            and scope.node_id is null
    {% endif %}

),

-- An identifier that merges nobody belongs to the customer that it was seen with most, or last, as
-- its type says; never to one from whom a rule parts it.
candidates as (

    select
        meetings.node_id,
        customers.component_id,
        customers.anchor_node_id,
        row_number() over (
            partition by meetings.node_id
            order by
                case
                    when meetings.attaches_to_last then max(observations.last_seen_at)
                end desc nulls last,
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
    left join parted_components
        on
            meetings.node_id = parted_components.node_id
            and customers.component_id = parted_components.component_id
    where parted_components.node_id is null
    group by
        meetings.node_id,
        meetings.attaches_to_last,
        customers.component_id,
        customers.anchor_node_id

),

homes as (

    select
        attached.node_id,
        attached.type_rank,
        candidates.component_id,
        candidates.anchor_node_id

    from attached
    left join candidates
        on
            attached.node_id = candidates.node_id
            and candidates.candidate_index = 1

),

-- Of two that a rule parts and that would go to one customer, the weaker stands alone.
turned_away as (

    select distinct weaker.node_id
    from parted
    inner join homes as weaker on parted.node_id = weaker.node_id
    inner join homes as stronger
        on
            parted.other_node_id = stronger.node_id
            and weaker.component_id = stronger.component_id
    where
        stronger.type_rank < weaker.type_rank
        or (stronger.type_rank = weaker.type_rank and stronger.node_id < weaker.node_id)

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
        homes.node_id,
        case
            when turned_away.node_id is null then coalesce(homes.component_id, homes.node_id)
            else homes.node_id
        end as component_id,
        case
            when turned_away.node_id is null then coalesce(homes.anchor_node_id, homes.node_id)
            else homes.node_id
        end as anchor_node_id,
        true as is_shared

    from homes
    left join turned_away on homes.node_id = turned_away.node_id

),

{% if is_incremental() %}
changed as (

    select
        assigned.node_id,
        assigned.component_id,
        assigned.anchor_node_id,
        assigned.is_shared,
        coalesce(known.was_anchor, false)
        or (assigned.anchor_node_id = assigned.node_id and not assigned.is_shared) as was_anchor,
        {{ current_run() }} as changed_run

    from assigned
    left join {{ this }} as known on assigned.node_id = known.node_id
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
        known.was_anchor,
        {{ current_run() }} as changed_run

    from {{ this }} as known
    inner join scope on known.node_id = scope.node_id
    left join assigned on known.node_id = assigned.node_id
    where
        assigned.node_id is null
        and known.anchor_node_id is not null

)
{% else %}
changed as (

    select
        assigned.node_id,
        assigned.component_id,
        assigned.anchor_node_id,
        assigned.is_shared,
        assigned.anchor_node_id = assigned.node_id and not assigned.is_shared as was_anchor,
        {{ current_run() }} as changed_run

    from assigned

)
{% endif %}

select * from changed

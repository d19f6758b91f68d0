{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['action', 'left_node_id', 'right_node_id']
) }}

{% do check_link_rules() %}

with

link_rules as (

    {{ link_rule_rows() }}

),

-- A rule takes effect as soon as both of its identifiers are known, in whichever order it names
-- them.
resolved as (

    select
        link_rules.action,
        case when lefts.node_id < rights.node_id then lefts.node_id else rights.node_id end
            as left_node_id,
        case when lefts.node_id < rights.node_id then rights.node_id else lefts.node_id end
            as right_node_id,
        min(link_rules.rule_id) as rule_id

    from link_rules
    inner join {{ ref('int_identity__registry') }} as lefts
        on
            link_rules.left_type = lefts.identifier_type
            and link_rules.left_value = lefts.identifier_value
    inner join {{ ref('int_identity__registry') }} as rights
        on
            link_rules.right_type = rights.identifier_type
            and link_rules.right_value = rights.identifier_value
    inner join {{ ref('int_identity__nodes') }} as left_nodes
        on lefts.node_id = left_nodes.node_id
    inner join {{ ref('int_identity__nodes') }} as right_nodes
        on rights.node_id = right_nodes.node_id
    where
        left_nodes.status <> 'absent'
        and right_nodes.status <> 'absent'
        and left_nodes.entity = right_nodes.entity
    group by
        link_rules.action,
        case when lefts.node_id < rights.node_id then lefts.node_id else rights.node_id end,
        case when lefts.node_id < rights.node_id then rights.node_id else lefts.node_id end

),

{% if is_incremental() %}
changed as (

    select
        coalesce(resolved.action, known.action) as action,
        coalesce(resolved.left_node_id, known.left_node_id) as left_node_id,
        coalesce(resolved.right_node_id, known.right_node_id) as right_node_id,
        coalesce(resolved.rule_id, known.rule_id) as rule_id,
        resolved.rule_id is not null as is_current,
        {{ current_run() }} as changed_run

    from resolved
    full outer join {{ this }} as known
        on
            resolved.action = known.action
            and resolved.left_node_id = known.left_node_id
            and resolved.right_node_id = known.right_node_id
    where
        known.rule_id is null
        or known.is_current <> (resolved.rule_id is not null)
        or known.rule_id <> resolved.rule_id

)
{% else %}
changed as (

    select
        resolved.action,
        resolved.left_node_id,
        resolved.right_node_id,
        resolved.rule_id,
        true as is_current,
        {{ current_run() }} as changed_run

    from resolved

)
{% endif %}

select * from changed

with

observations as (

    select * from {{ ref('int_identity__observations') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

limit_rules as (

    {% for rule in max_linked_rules() %}
    select
        '{{ rule.type }}' as identifier_type,
        '{{ rule.linked_type }}' as linked_type,
        {{ rule.limit }} as linked_limit

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

usable_observations as (

    select
        observations.source_model,
        observations.record_key,
        nodes.node_id,
        nodes.identifier_type

    from observations
    inner join nodes
        on
            observations.identifier_type = nodes.identifier_type
            and observations.identifier_value = nodes.identifier_value

),

-- Every identifier with each other identifier of a limited type that stood in the same record.
linked as (

    select
        usable_observations.node_id,
        usable_observations.identifier_type,
        limit_rules.linked_type,
        limit_rules.linked_limit,
        count(distinct neighbours.node_id) as linked_count

    from usable_observations
    inner join limit_rules on usable_observations.identifier_type = limit_rules.identifier_type
    inner join usable_observations as neighbours
        on
            usable_observations.source_model = neighbours.source_model
            and usable_observations.record_key = neighbours.record_key
            and limit_rules.linked_type = neighbours.identifier_type
    group by
        usable_observations.node_id,
        usable_observations.identifier_type,
        limit_rules.linked_type,
        limit_rules.linked_limit

),

ranked as (

    select
        linked.node_id,
        linked.identifier_type,
        linked.linked_type,
        linked.linked_limit,
        linked.linked_count,
        row_number() over (
            partition by linked.node_id
            order by {{ identifier_priority('linked.linked_type') }}, linked.linked_type
        ) as rule_index

    from linked
    where linked.linked_count > linked.linked_limit

),

shared_identifiers as (

    select
        ranked.node_id,
        ranked.identifier_type,
        ranked.linked_type,
        ranked.linked_limit,
        ranked.linked_count

    from ranked
    where ranked.rule_index = 1

)

select * from shared_identifiers

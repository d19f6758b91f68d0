{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='node_id'
) }}

with

registry as (

    select * from {{ ref('int_identity__registry') }}

),

blocking_rules as (

    select * from {{ ref('blocked_identifiers') }}

),

identifier_types as (

    {{ identifier_type_rows() }}

),

identifiers as (

    select
        registry.node_id,
        lower(registry.identifier_value) as comparable_value,
        identifier_types.rule_type

    from registry
    inner join identifier_types on registry.identifier_type = identifier_types.identifier_type
    where
        registry.registered_run > {{ last_own_run() }}
        or {{ rules_changed('node_rules') }}

),

rule_types as (

    select distinct identifier_types.rule_type
    from identifier_types

),

-- A rule for every type becomes one rule per type, so that rules are found by equality.
typed_rules as (

    select
        rule_types.rule_type,
        blocking_rules.match,
        blocking_rules.value as rule_value,
        blocking_rules.reason

    from blocking_rules
    inner join rule_types on blocking_rules.identifier_type in ('*', rule_types.rule_type)

),

-- LIKE and not regular expressions: it means the same on every engine, and a pattern that
-- differs from row to row is not compiled anew for each.
hits as (

    select
        identifiers.node_id,
        typed_rules.match,
        typed_rules.rule_value,
        typed_rules.reason

    from identifiers
    inner join typed_rules
        on
            identifiers.rule_type = typed_rules.rule_type
            and identifiers.comparable_value = typed_rules.rule_value
    where typed_rules.match = 'exact'

    union all

    select
        identifiers.node_id,
        typed_rules.match,
        typed_rules.rule_value,
        typed_rules.reason

    from identifiers
    inner join typed_rules on identifiers.rule_type = typed_rules.rule_type
    where
        (typed_rules.match = 'like' and identifiers.comparable_value like typed_rules.rule_value)
        or (
            typed_rules.match = 'characters'
            and translate(identifiers.comparable_value, typed_rules.rule_value, '') = ''
        )

),

-- A value may meet several rules: the first in the order of these columns is named.
ranked_hits as (

    select
        hits.node_id,
        hits.match,
        hits.rule_value,
        hits.reason,
        row_number() over (
            partition by hits.node_id
            order by hits.match, hits.rule_value, hits.reason
        ) as hit_index

    from hits

),

judged as (

    select
        identifiers.node_id,
        ranked_hits.match,
        ranked_hits.rule_value,
        ranked_hits.reason

    from identifiers
    left join ranked_hits
        on
            identifiers.node_id = ranked_hits.node_id
            and ranked_hits.hit_index = 1

),

blocked_values as (

    select
        judged.*,
        {{ current_run() }} as changed_run

    from judged
    {% if is_incremental() %}
    left join {{ this }} as known on judged.node_id = known.node_id
    where
        known.node_id is null
        or known.match is distinct from judged.match
        or known.rule_value is distinct from judged.rule_value
        or known.reason is distinct from judged.reason
    {% endif %}

)

select * from blocked_values

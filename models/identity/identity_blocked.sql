with

observations as (

    select * from {{ ref('int_identity__observations') }}

),

blocking_rules as (

    select * from {{ ref('blocked_identifiers') }}

),

identifiers as (

    select
        observations.identifier_type,
        observations.identifier_value,
        {{ blocked_as('observations.identifier_type') }} as rule_type,
        lower(observations.identifier_value) as comparable_value,
        min(observations.first_seen_at) as first_seen_at,
        max(observations.last_seen_at) as last_seen_at,
        sum(observations.record_count) as record_count

    from observations
    group by
        observations.identifier_type,
        observations.identifier_value

),

identifier_types as (

    select distinct identifiers.rule_type
    from identifiers

),

-- A rule for every type becomes one rule per type, so that rules are found by equality.
typed_rules as (

    select
        identifier_types.rule_type,
        blocking_rules.match,
        blocking_rules.value as rule_value,
        blocking_rules.reason

    from blocking_rules
    inner join identifier_types
        on blocking_rules.identifier_type in ('*', identifier_types.rule_type)

),

-- LIKE and not regular expressions: it means the same on every engine, and a pattern that
-- differs from row to row is not compiled anew for each.
hits as (

    select
        identifiers.identifier_type,
        identifiers.identifier_value,
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
        identifiers.identifier_type,
        identifiers.identifier_value,
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
        hits.*,
        row_number() over (
            partition by hits.identifier_type, hits.identifier_value
            order by hits.match, hits.rule_value, hits.reason
        ) as hit_index

    from hits

),

blocked as (

    select
        -- identifier
        identifiers.identifier_type,
        identifiers.identifier_value,

        -- rule
        ranked_hits.match as match_kind,
        ranked_hits.rule_value,
        ranked_hits.reason,

        -- evidence
        cast(identifiers.record_count as {{ dbt.type_bigint() }}) as record_count,
        identifiers.first_seen_at,
        identifiers.last_seen_at

    from ranked_hits
    inner join identifiers
        on
            ranked_hits.identifier_type = identifiers.identifier_type
            and ranked_hits.identifier_value = identifiers.identifier_value
    where ranked_hits.hit_index = 1

)

select * from blocked

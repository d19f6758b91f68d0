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
        lower(observations.identifier_value) as comparable_value,
        min(observations.first_seen_at) as first_seen_at,
        max(observations.last_seen_at) as last_seen_at,
        sum(observations.record_count) as record_count

    from observations
    group by
        observations.identifier_type,
        observations.identifier_value

),

-- A value may meet several rules: one row per rule met, of which the first in order is kept.
matched as (

    select
        identifiers.identifier_type,
        identifiers.identifier_value,
        blocking_rules.match,
        blocking_rules.value as rule_value,
        blocking_rules.reason,
        identifiers.record_count,
        identifiers.first_seen_at,
        identifiers.last_seen_at,
        row_number() over (
            partition by identifiers.identifier_type, identifiers.identifier_value
            order by
                blocking_rules.match,
                blocking_rules.identifier_type,
                blocking_rules.value,
                blocking_rules.reason
        ) as rule_index

    from identifiers
    inner join blocking_rules
        on
            blocking_rules.identifier_type in ('*', identifiers.identifier_type)
            and case
                when
                    blocking_rules.match = 'exact'
                    then identifiers.comparable_value = blocking_rules.value
                else {{ matches_pattern('identifiers.comparable_value', 'blocking_rules.value') }}
            end

),

blocked as (

    select
        -- identifier
        matched.identifier_type,
        matched.identifier_value,

        -- rule
        matched.match as match_kind,
        matched.rule_value,
        matched.reason,

        -- evidence
        cast(matched.record_count as {{ dbt.type_bigint() }}) as record_count,
        matched.first_seen_at,
        matched.last_seen_at

    from matched
    where matched.rule_index = 1

)

select * from blocked

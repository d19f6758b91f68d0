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
        min(observations.first_seen_at) as first_seen_at,
        max(observations.last_seen_at) as last_seen_at,
        sum(observations.record_count) as record_count

    from observations
    group by
        observations.identifier_type,
        observations.identifier_value

),

-- A value may meet several rules: one row per rule met, of which the first in reading order is kept.
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
            order by blocking_rules.match, blocking_rules.identifier_type, blocking_rules.value, blocking_rules.reason
        ) as rule_index

    from identifiers
    inner join blocking_rules
        on
            blocking_rules.identifier_type in ('*', identifiers.identifier_type)
            and case
                when blocking_rules.match = 'exact' then lower(identifiers.identifier_value) = blocking_rules.value
                else {{ matches_pattern('lower(identifiers.identifier_value)', 'blocking_rules.value') }}
            end

),

blocked as (

    select
        -- identifier
        cast(matched.identifier_type as {{ dbt.type_string() }}) as identifier_type,
        cast(matched.identifier_value as {{ dbt.type_string() }}) as identifier_value,

        -- rule
        cast(matched.match as {{ dbt.type_string() }}) as match_kind,
        cast(matched.rule_value as {{ dbt.type_string() }}) as rule_value,
        cast(matched.reason as {{ dbt.type_string() }}) as reason,

        -- evidence
        cast(matched.record_count as {{ dbt.type_bigint() }}) as record_count,
        cast(matched.first_seen_at as {{ dbt.type_timestamp() }}) as first_seen_at,
        cast(matched.last_seen_at as {{ dbt.type_timestamp() }}) as last_seen_at

    from matched
    where matched.rule_index = 1

)

select * from blocked

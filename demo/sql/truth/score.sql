-- How well identity_map finds people again: run in the schema that holds the truth's identifier.
--
-- Scored are identifiers that are one person's alone and that some record links to another of
-- theirs. One that the map lacks stands alone, as a customer of its own.
with

scored as (

    select
        identifier.person_id,
        coalesce(by_value.customer_id, by_canonical.customer_id) is null as is_missing,
        coalesce(
            by_value.customer_id,
            by_canonical.customer_id,
            'missing ' || identifier.identifier_type || ' ' || identifier.identifier_value
        ) as customer_id

    from identifier
    left join identity_map as by_value
        on
            identifier.identifier_type = by_value.identifier_type
            and identifier.identifier_value = by_value.identifier_value
    left join identity_map as by_canonical
        on
            identifier.identifier_type = by_canonical.identifier_type
            and identifier.canonical_value = by_canonical.identifier_value
    where
        identifier.person_id is not null
        and identifier.is_linkable
        and not identifier.is_shared

),

cells as (

    select
        scored.customer_id,
        scored.person_id,
        count(*) as identifier_count

    from scored
    group by
        scored.customer_id,
        scored.person_id

),

customers as (

    select
        cells.customer_id,
        sum(cells.identifier_count) as identifier_count,
        max(cells.identifier_count) as largest_count

    from cells
    group by cells.customer_id

),

persons as (

    select
        cells.person_id,
        sum(cells.identifier_count) as identifier_count

    from cells
    group by cells.person_id

),

-- Pairs of identifiers: put together and rightly so, put together, and belonging together.
pairs as (

    select
        (select sum(cells.identifier_count * (cells.identifier_count - 1) // 2) from cells
        ) as right_pairs,
        (
            select sum(customers.identifier_count * (customers.identifier_count - 1) // 2)
            from customers
        ) as found_pairs,
        (select sum(persons.identifier_count * (persons.identifier_count - 1) // 2) from persons
        ) as true_pairs

)

select
    (select count(*) from scored) as identifier_count,
    (select count(*) from scored where scored.is_missing) as missing_count,
    (select count(*) from persons) as person_count,
    (select count(*) from customers) as customer_count,
    coalesce(pairs.right_pairs / nullif(pairs.found_pairs, 0), 1.0)::double as pairwise_precision,
    coalesce(pairs.right_pairs / nullif(pairs.true_pairs, 0), 1.0)::double as pairwise_recall,
    coalesce(
        (select sum(customers.largest_count) / sum(customers.identifier_count) from customers), 1.0
    )::double as cluster_purity
from pairs;

"""The SQL of consent: whose rows may go, and whose may go no longer. Pure.

Every other query asks these, so that nothing leaves by another rule.
"""

from sqlglot import exp

from reverse_etl.query_text import filled_select
from reverse_etl.spec import SyncSpec
from warehouse.values import Relation

CONSENTS = Relation("core", "customer_consents")
"""One row per customer and purpose: customer_id, purpose, is_granted."""

SUPPRESSIONS = Relation("core", "suppressed_customers")
"""One row per customer that nobody may be told of: customer_id. Read where it exists."""

# A customer with a contradictory or missing consent row has not consented.
_GRANTED_CUSTOMERS = """
select cast(consents.customer_id as text) as customer_id
from consents
where consents.purpose = :purpose
group by cast(consents.customer_id as text)
having min(case when consents.is_granted then 1 else 0 end) = 1
"""

_GRANTED_AND_NOT_SUPPRESSED = """
select granted.customer_id
from granted
left join (
    select distinct cast(suppressed.customer_id as text) as customer_id
    from suppressed
) as barred on granted.customer_id = barred.customer_id
where barred.customer_id is null
"""

_PURPOSE_IN_USE = """
select 1 as found
from consents
where consents.purpose = :purpose
limit 1
"""

_PURPOSES = """
select distinct cast(consents.purpose as text) as purpose
from consents
where consents.purpose is not null
order by 1
"""

NO_CUSTOMERS = """
select cast(null as text) as customer_id
where 1 = 0
"""

_WITHDRAWN = """
select plan.seq
from plan
left join granted on plan.customer_id = granted.customer_id
where
    plan.op <> 'remove'
    and plan.seq >= :first
    and granted.customer_id is null
order by plan.seq
"""


def granted_query(
    spec: SyncSpec, *, suppressed: exp.Table | None, dialect: str
) -> exp.Select:
    """Customers whose rows may go, each once: consent given, and not suppressed."""
    if not spec.needs_consent:
        return filled_select(NO_CUSTOMERS, {}, dialect=dialect)
    granted = filled_select(
        _GRANTED_CUSTOMERS,
        {"consents": CONSENTS.to_table()},
        {"purpose": exp.Literal.string(str(spec.purpose))},
        dialect=dialect,
    )
    if suppressed is None:
        return granted
    return filled_select(
        _GRANTED_AND_NOT_SUPPRESSED,
        {"granted": granted, "suppressed": suppressed},
        dialect=dialect,
    )


def purpose_in_use_query(purpose: str, *, dialect: str) -> exp.Select:
    """One row when anybody answered for the purpose, whatever they said; none otherwise."""
    return filled_select(
        _PURPOSE_IN_USE,
        {"consents": CONSENTS.to_table()},
        {"purpose": exp.Literal.string(purpose)},
        dialect=dialect,
    )


def purposes_query(*, dialect: str) -> exp.Select:
    """Every purpose that anybody answered for, by name."""
    return filled_select(_PURPOSES, {"consents": CONSENTS.to_table()}, dialect=dialect)


def withdrawn_query(
    spec: SyncSpec,
    *,
    plan: exp.Table,
    first_seq: int,
    suppressed: exp.Table | None,
    dialect: str,
) -> exp.Select:
    """Rows of a plan, from a sequence number on, that may go no longer: their seq."""
    return filled_select(
        _WITHDRAWN,
        {
            "plan": plan,
            "granted": granted_query(spec, suppressed=suppressed, dialect=dialect),
        },
        {"first": exp.Literal.number(first_seq)},
        dialect=dialect,
    )

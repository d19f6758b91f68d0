"""What tables say, in the notation of tests/identity_scenarios.py."""

from tests.identity_reading import CaseTables
from tests.identity_reference import Identifier, Tables
from tests.identity_scenarios import KINDS, Scenario

SHORT = {kind: short for short, kind in KINDS.items()}
ACCOUNT_KINDS = {"company_number", "company_domain"}


def called(found: Identifier) -> str:
    return f"{SHORT[found[0]]}:{found[1]}"


def customers_of(tables: CaseTables | Tables, *, accounts: bool = False) -> set[str]:
    """Customers in the notation of the stories, members in order of their names."""
    return {
        f"{called(anchor)} = "
        + " ".join(
            sorted("~" * is_shared + called(member) for member, is_shared in members)
        )
        for anchor, members in tables.customers().items()
        if (anchor[0] in ACCOUNT_KINDS) == accounts
    }


def as_written(customers: list[str]) -> set[str]:
    """The same from a story: the first identifier is the name, in brackets when it is no member."""
    told = set()
    for customer in customers:
        first, *others = customer.split()
        members = [*others] if first.startswith("(") else [first, *others]
        told.add(f"{first.strip('()~')} = " + " ".join(sorted(members)))
    return told


def latest(scenario: Scenario, run: int, attribute: str) -> list[str]:
    """What the story says, or said last."""
    said = [getattr(step, attribute) for step in scenario.steps[: run + 1]]
    return next((list(each) for each in reversed(said) if each is not None), [])


def merges_of(tables: CaseTables) -> list[str]:
    return sorted(
        f"{called(old)} -> {called(new)}: {count}, {' '.join(filter(None, (cause, key)))}"
        for old, new, count, cause, key in tables.merges
    )


def splits_of(tables: CaseTables) -> list[str]:
    return sorted(
        f"{called(old)} -> {called(new)}: {count}, {cause}"
        for old, new, count, cause in tables.splits
    )


def suppressed_of(tables: CaseTables) -> set[str]:
    return {
        f"{called(centre)} {called(leaf)}: {rule}"
        for (centre, leaf), (rule, _) in tables.suppressed.items()
    }

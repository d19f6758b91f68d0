"""What holds for every story, random ones included, of the SQL itself.

The stories and the runs are those of conftest.told.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from tests.identity_reading import CaseTables
from tests.identity_reference import Identifier, Place, Tables
from tests.identity_stories import told as happened
from tests.identity_stories import written
from tests.identity_world import TYPES
from tests.integration.identity.conftest import Told

RUN_COLUMNS = ("changed_run", "status_changed_run")
WITHOUT_A_LIMIT = float("inf")
LIMITS = {
    str(entry["type"]): 1
    if entry.get("unique")
    else entry.get("limit", WITHOUT_A_LIMIT)
    for entry in TYPES
    if "limit_days" not in entry
}


def after_each_run(told: Told) -> Iterator[tuple[str, int, CaseTables, Tables]]:
    for case, said in told.references.items():
        for number, reading in enumerate(told.runs):
            yield case, number, reading[case], said[number]


def agree(
    told: Told,
    of_tables: Callable[[CaseTables], object],
    of_reference: Callable[[Tables], object],
) -> None:
    """Fail with the shortest story in which tables and reference differ, and with how they do."""
    differences = [
        f"{case}, run {number + 1}\n{written(told.stories[case])}\n"
        f"tables:    {_in_order(of_tables(found))}\nreference: {_in_order(of_reference(said))}"
        for case, number, found, said in after_each_run(told)
        if of_tables(found) != of_reference(said)
    ]
    if differences:
        pytest.fail(
            f"{len(differences)} differ, as {min(differences, key=len)}", pytrace=False
        )


def _in_order(found: object) -> str:
    if isinstance(found, dict):
        return "\n  ".join(
            ["", *(f"{key}: {_in_order(found[key])}" for key in sorted(found))]
        )
    return str(sorted(found) if isinstance(found, set | frozenset) else found)


def test_identifiers_stand_where_the_reference_puts_them(told: Told) -> None:
    agree(told, CaseTables.customers, Tables.customers)


def test_edges_and_their_evidence_are_those_of_the_reference(told: Told) -> None:
    agree(told, lambda tables: tables.edges, lambda said: said.edges)


def test_suppressed_edges_are_those_of_the_reference(told: Told) -> None:
    repairs = {"limit": "repair", "never_link": "repair"}

    agree(
        told,
        lambda tables: {
            edge: (repairs.get(rule, rule), evidence)
            for edge, (rule, evidence) in tables.suppressed.items()
        },
        lambda said: said.suppressed,
    )


def test_row_counts_are_those_of_the_reference(told: Told) -> None:
    agree(told, lambda tables: tables.row_counts, lambda said: said.row_counts)


def test_blocked_identifiers_are_those_of_the_reference(told: Told) -> None:
    agree(told, lambda tables: tables.blocked, lambda said: said.blocked)


def test_clusters_count_what_the_reference_counts(told: Told) -> None:
    agree(told, lambda tables: tables.clusters, clusters_of)


def clusters_of(said: Tables) -> dict[Identifier, tuple[int, int, str, int, int]]:
    """Identifiers, shared ones, identifiers per type, edges and suppressed edges of each customer."""
    ranks = [str(entry["type"]) for entry in TYPES]
    accounts = {str(entry["type"]) for entry in TYPES if "entity" in entry}
    edges = Counter(said.places[centre].anchor for centre, _ in said.edges)
    suppressed = Counter(said.places[centre].anchor for centre, _ in said.suppressed)
    counted = {}
    for anchor, members in said.customers().items():
        if anchor[0] not in accounts:
            kinds = Counter(kind for (kind, _), _ in members)
            counted[anchor] = (
                len(members),
                sum(is_shared for _, is_shared in members),
                " ".join(f"{kind}:{kinds[kind]}" for kind in ranks if kinds[kind]),
                edges[anchor],
                suppressed[anchor],
            )
    return counted


def test_statistics_count_what_the_map_holds(told: Told) -> None:
    counted = [
        (
            reading.run_id,
            sum(
                1 for tables in reading.cases.values() for _ in customer_places(tables)
            ),
            len(
                {
                    (case, place.anchor)
                    for case, tables in reading.cases.items()
                    for place in customer_places(tables).values()
                }
            ),
        )
        for reading in told.runs
    ]

    assert [
        (row["run_id"], row["identifier_count"], row["customer_count"])
        for row in told.runs[-1].named_rows("identity_stats")
    ] == counted


def customer_places(tables: CaseTables) -> dict[Identifier, Place]:
    """Where the identifiers of customers stand, those of accounts left out."""
    return {
        identifier: place
        for identifier, place in tables.places.items()
        if not identifier[0].startswith("company_")
    }


# --- rules hold ---


def test_no_customer_is_over_a_limit_unless_a_link_rule_says_so(told: Told) -> None:
    over = [
        (case, number, anchor, kind)
        for case, number, found, _ in after_each_run(told)
        for anchor, members in found.customers().items()
        for kind, count in Counter(
            kind for (kind, _), is_shared in members if not is_shared
        ).items()
        if count > LIMITS.get(kind, WITHOUT_A_LIMIT)
        if not any(end in dict(members) for edge in found.ruled_edges for end in edge)
    ]

    assert not over


def test_no_customer_has_more_phones_in_thirty_days_than_two(told: Told) -> None:
    days: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for row in told.runs[-1].named_rows("identity_map"):
        case = row["identifier_value"].partition(".")[0]
        is_ruled = any(rule.action == "link" for rule in told.sources[case].rules)
        is_counted = row["identifier_type"] == "phone" and row["first_seen_at"]
        if is_counted and not row["is_shared"] and not is_ruled:
            days[case, row["customer_id"]].append(row["first_seen_at"])

    assert not [
        found
        for found in map(sorted, days.values())
        for first, third in zip(found, found[2:], strict=False)
        if third - first < timedelta(days=30)
    ]


def standing_rules(
    told: Told, action: str
) -> Iterator[tuple[str, int, CaseTables, Identifier, Identifier]]:
    """The rules of that action after each run, both of whose ends stand somewhere."""
    for case, number, found, _ in after_each_run(told):
        for rule in happened(told.stories[case][: number + 1]).rules:
            if rule.action == action and {rule.left, rule.right} <= found.places.keys():
                yield case, number, found, rule.left, rule.right


def test_link_rules_join(told: Told) -> None:
    apart = [
        (case, number, left, right)
        for case, number, found, left, right in standing_rules(told, "link")
        if found.places[left].anchor != found.places[right].anchor
    ]

    assert not apart


def test_never_link_rules_part(told: Told) -> None:
    together = [
        (case, number, left, right)
        for case, number, found, left, right in standing_rules(told, "never_link")
        if found.places[left].anchor == found.places[right].anchor
    ]

    assert not together


# --- the same whatever the way ---


def test_a_run_in_which_nothing_happened_changes_no_row(told: Told) -> None:
    grew = {"int_identity__runs", "identity_stats"}
    last, repeated = told.runs[-1].tables, told.repeated.tables

    assert {name for name in last if last[name] != repeated[name]} <= grew
    assert [len(repeated[name]) - len(last[name]) for name in sorted(grew)] == [1, 1]


@pytest.mark.parametrize(
    "table",
    [
        "identity_map",
        "identity_entity_map",
        "identity_clusters",
        "identity_edges",
        "identity_suppressed_edges",
        "identity_blocked",
        "identity_review",
        "identity_customer_ids",
    ],
)
def test_a_full_refresh_gives_the_same_table(told: Told, table: str) -> None:
    assert told.refreshed.rows_without(
        table, RUN_COLUMNS
    ) == told.repeated.rows_without(table, RUN_COLUMNS)


@pytest.mark.parametrize(
    "table",
    [
        "int_identity__registry",
        "int_identity__assignment_history",
        "identity_map_history",
        "identity_merges",
        "identity_splits",
    ],
)
def test_a_full_refresh_leaves_history_alone(told: Told, table: str) -> None:
    assert told.refreshed.tables[table] == told.repeated.tables[table]


def test_rows_that_arrive_in_order_of_time_give_customers_that_one_run_from_nothing_finds(
    told: Told,
) -> None:
    """Out of order, who is the older of two equals may differ, and with it which of two equal links gives way."""
    assert {
        case: written(story)
        for case, story in told.stories.items()
        if case.startswith(("growing-", "shape-"))
        and told.fresh[case].partition() != told.runs[-1][case].partition()
    } == {}


def test_one_run_from_nothing_agrees_with_the_reference(told: Told) -> None:
    assert {
        case: written(told.stories[case])
        for case, said in told.references.items()
        if told.fresh[case].customers() != said[-1].customers()
    } == {}


def test_without_rules_they_give_the_names_of_one_run_from_nothing_too(
    told: Told,
) -> None:
    shapes = [case for case in told.stories if case.startswith("shape-")]

    assert {case: told.runs[-1][case].customers() for case in shapes} == {
        case: told.fresh[case].customers() for case in shapes
    }


def test_order_of_rows_direction_of_edges_and_repeats_do_not_matter(told: Told) -> None:
    assert {
        case: written(told.stories[case])
        for case in told.stories
        if told.fresh[case].customers() != told.fresh[f"{case}-x"].customers()
    } == {}


def test_the_data_tests_of_the_identity_models_hold(told: Told) -> None:
    assert told.complaints == ""


# --- names and history ---


def test_history_says_what_the_map_said_at_every_run(told: Told) -> None:
    wrong = [
        (case, number)
        for case, number, found, _ in after_each_run(told)
        if customer_places(found)
        != {
            identifier: Place(anchor, is_shared=is_shared)
            for identifier, anchor, is_shared, begun, ended in told.repeated[
                case
            ].history
            if begun <= told.runs[number].run_id
            and (ended is None or ended > told.runs[number].run_id)
        }
    ]

    assert not wrong


def test_every_id_ever_handed_out_resolves_to_one_customer_or_is_retired(
    told: Told,
) -> None:
    unresolved = []
    for case in told.stories:
        living = names(told.repeated[case])
        ids = told.repeated[case].ids
        for name in set().union(*(names(reading[case]) for reading in told.runs)):
            current, status = ids.get(name, (None, "missing"))
            is_right = {
                "active": current == name and name in living,
                "merged": current in living and name not in living,
                "retired": current is None and name not in living,
            }.get(status, False)
            if not is_right:
                unresolved.append((case, name, current, status))

    assert not unresolved


def names(tables: CaseTables) -> set[Identifier]:
    return {place.anchor for place in customer_places(tables).values()}


def test_a_merged_id_is_an_alias_as_long_as_the_other_lives(told: Told) -> None:
    lost = []
    for case in told.stories:
        ids = told.repeated[case].ids
        lost += [
            (case, old, new)
            for number, reading in enumerate(told.runs)
            for old, new, *_ in reading[case].merges
            if not any(old in names(later[case]) for later in told.runs[number:])
            and ids[old][1] == "retired"
            and ids[new][1] != "retired"
        ]

    assert not lost


def test_a_customer_that_kept_its_members_keeps_its_name(told: Told) -> None:
    renamed = []
    for case, number, found, _ in after_each_run(told):
        if number == 0:
            continue
        before = own_members(told.runs[number - 1][case])
        now = own_members(found)
        members_now = {members: name for name, members in now.items()}
        renamed += [
            (case, number, name, members_now[members])
            for name, members in before.items()
            if members_now.get(members, name) != name
            # whose name it was before may have come back, and merge, elsewhere
            and name not in now.get(name, ())
        ]

    assert not renamed


def own_members(tables: CaseTables) -> dict[Identifier, frozenset[Identifier]]:
    """The members of each customer that merge."""
    own = {
        anchor: frozenset(member for member, is_shared in members if not is_shared)
        for anchor, members in tables.customers().items()
    }
    return {anchor: members for anchor, members in own.items() if members}


def test_merges_and_splits_tell_every_change_of_name(told: Told) -> None:
    wrong = []
    for case, number, found, _ in after_each_run(told):
        before = customer_places(told.runs[number - 1][case]) if number else {}
        moved = Counter(
            (before[identifier].anchor, place.anchor)
            for identifier, place in customer_places(found).items()
            if identifier in before
            and before[identifier].anchor != place.anchor
            and not before[identifier].is_shared
            and not place.is_shared
        )
        logged = Counter(
            {
                (old, new): count
                for old, new, count, *_ in [*found.merges, *found.splits]
            }
        )
        merged = {old for old, *_ in found.merges}
        if moved != logged or merged & own_members(found).keys():
            wrong.append((case, number, moved, logged))

    assert not wrong

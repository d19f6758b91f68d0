"""What holds a run, at and beyond each limit."""

import pytest

from reverse_etl.counts import Counts
from reverse_etl.guards import Previous, guard_findings, holds_withdrawals
from reverse_etl.spec import Guards

GUARDS = Guards(max_remove_rate=0.1, max_change_rate=0.5, allow_empty=False)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(add=5, source=5, held=0), []),
        (Counts(source=0, held=0), []),
        (Counts(absent=10, source=90, held=100), []),
        (Counts(absent=11, source=89, held=100), ["max_remove_rate"]),
        (Counts(change=50, source=100, held=100), []),
        (Counts(change=51, source=100, held=100), ["max_change_rate"]),
        (Counts(change=51, unknown_change=1, source=100, held=100), []),
        (Counts(source=0, held=1), ["empty_source"]),
        (
            Counts(absent=100, source=0, held=100),
            ["empty_source", "max_remove_rate"],
        ),
    ],
)
def test_guard_findings_at_and_beyond_each_limit(counts, expected):
    assert [finding.guard for finding in guard_findings(counts, GUARDS)] == expected


def test_guard_findings_with_an_empty_model_allowed_still_limit_removals():
    counts = Counts(absent=100, source=0, held=100)

    findings = guard_findings(counts, Guards(max_remove_rate=0.1, allow_empty=True))

    assert [finding.guard for finding in findings] == ["max_remove_rate"]


def test_guard_findings_tell_counts_share_and_limit():
    (finding,) = guard_findings(Counts(absent=412, source=618, held=1030), GUARDS)

    assert finding.message == (
        "412 would be removed, against 1,030 rows that are held (40.0%, limit 10.0%)"
    )


def guards_of(counts: Counts, **found: object) -> list[str]:
    return [finding.guard for finding in guard_findings(counts, GUARDS, **found)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(add=50, source=150, held=100), []),
        (Counts(add=51, source=151, held=100), ["max_growth_rate"]),
        (Counts(add=99, source=198, held=99), []),
        (Counts(withdraw=100, source=100, held=100), []),
        (Counts(rematch=11, source=100, held=100), ["max_remove_rate"]),
    ],
)
def test_growth_is_judged_from_a_hundred_rows_on_and_withdrawals_never(
    counts, expected
):
    assert guards_of(counts) == expected


@pytest.mark.parametrize(
    ("skipped", "expected"), [(40, []), (41, ["max_consent_drop"]), (0, [])]
)
def test_consent_may_fall_by_a_fifth_of_all_rows(skipped: int, expected: list[str]):
    counts = Counts(skipped_no_consent=skipped, source=100, held=50)

    found = guards_of(counts, previous=Previous(source=100, skipped_no_consent=20))

    assert found == expected


def test_a_small_model_may_lose_all_its_consents():
    counts = Counts(skipped_no_consent=99, source=99, held=50)

    assert guards_of(counts, previous=Previous(source=99, skipped_no_consent=0)) == []


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, "new", []),
        ("same", "same", []),
        ("old", "new", ["mapping_change"]),
    ],
)
def test_another_mapping_is_a_persons_decision(before, now, expected):
    counts = Counts(source=5, held=5)

    found = guards_of(
        counts, previous=Previous(mapping_fingerprint=before), mapping_fingerprint=now
    )

    assert found == expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, "a:n", []),
        ("a:n,b:s", "a:n,b:s", []),
        ("a:n,b:s", "a:n", []),
        ("a:n", "a:n,b:s", []),
        ("a:n,b:s", "a:s,b:s", ["schema_change"]),
    ],
)
def test_another_type_of_a_column_is_a_persons_decision(before, now, expected):
    counts = Counts(source=5, held=5)

    found = guards_of(
        counts, previous=Previous(schema_fingerprint=before), schema_fingerprint=now
    )

    assert found == expected


def test_a_first_run_breaks_the_quota_alone():
    counts = Counts(add=1000, source=1000)

    assert guards_of(counts, requests=11, requests_left=10) == ["quota"]
    assert guards_of(counts, requests=10, requests_left=10) == []
    assert guards_of(counts, requests=10, requests_left=None) == []


def test_withdrawals_are_kept_back_only_when_consents_or_the_model_look_wrong():
    removals = guard_findings(Counts(absent=100, source=10, held=100), GUARDS)
    empty = guard_findings(Counts(source=0, held=100), GUARDS)

    assert not holds_withdrawals(removals)
    assert holds_withdrawals(empty)

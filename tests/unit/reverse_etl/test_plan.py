"""Guards and batches of a plan."""

import pytest

from reverse_etl.plan import (
    BatchKind,
    BatchSpan,
    Counts,
    cut_batches,
    guard_findings,
)
from reverse_etl.spec import Guards

GUARDS = Guards(max_remove_rate=0.1, max_change_rate=0.5, allow_empty=False)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(add=5, source=5, held=0), []),
        (Counts(source=0, held=0), []),
        (Counts(remove=10, source=90, held=100), []),
        (Counts(remove=11, source=89, held=100), ["max_remove_rate"]),
        (Counts(change=50, source=100, held=100), []),
        (Counts(change=51, source=100, held=100), ["max_change_rate"]),
        (Counts(change=51, unknown_change=1, source=100, held=100), []),
        (Counts(source=0, held=1), ["empty_source"]),
        (
            Counts(remove=100, source=0, held=100),
            ["empty_source", "max_remove_rate"],
        ),
    ],
)
def test_guard_findings_at_and_beyond_each_limit(counts, expected):
    assert [finding.guard for finding in guard_findings(counts, GUARDS)] == expected


def test_guard_findings_with_an_empty_model_allowed_still_limit_removals():
    counts = Counts(remove=100, source=0, held=100)

    findings = guard_findings(counts, Guards(max_remove_rate=0.1, allow_empty=True))

    assert [finding.guard for finding in findings] == ["max_remove_rate"]


def test_guard_findings_tell_counts_share_and_limit():
    (finding,) = guard_findings(Counts(remove=412, source=618, held=1030), GUARDS)

    assert finding.message == "412 of 1,030 rows would be removed (40.0%, limit 10.0%)"


def test_cut_batches_never_mixes_removals_with_upserts():
    spans = cut_batches(remove_count=3, upsert_count=5, max_rows=2)

    assert spans == (
        BatchSpan(0, BatchKind.REMOVE, 1, 2),
        BatchSpan(1, BatchKind.REMOVE, 3, 3),
        BatchSpan(2, BatchKind.UPSERT, 4, 5),
        BatchSpan(3, BatchKind.UPSERT, 6, 7),
        BatchSpan(4, BatchKind.UPSERT, 8, 8),
    )


def test_cut_batches_without_a_limit_is_one_for_the_whole_run():
    assert cut_batches(remove_count=3, upsert_count=5, max_rows=None) == (
        BatchSpan(0, BatchKind.ALL, 1, 8),
    )


@pytest.mark.parametrize("max_rows", [None, 500])
def test_cut_batches_of_nothing_is_nothing(max_rows):
    assert cut_batches(remove_count=0, upsert_count=0, max_rows=max_rows) == ()

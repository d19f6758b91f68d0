"""Batches joined are the plan, none is too big, and no operation shares one with another."""

from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.plan import BatchKind, cut_batches

COUNTS = st.integers(0, 2_000)


@given(COUNTS, COUNTS, st.integers(1, 700))
def test_batches_joined_are_the_plan_in_order(remove_count, upsert_count, max_rows):
    spans = cut_batches(
        remove_count=remove_count, upsert_count=upsert_count, max_rows=max_rows
    )

    sequence = [seq for span in spans for seq in range(span.first, span.last + 1)]
    assert sequence == list(range(1, remove_count + upsert_count + 1))
    assert [span.index for span in spans] == list(range(len(spans)))


@given(COUNTS, COUNTS, st.integers(1, 700))
def test_no_batch_is_empty_too_big_or_mixed(remove_count, upsert_count, max_rows):
    spans = cut_batches(
        remove_count=remove_count, upsert_count=upsert_count, max_rows=max_rows
    )

    assert all(1 <= span.row_count <= max_rows for span in spans)
    assert all(
        (span.last <= remove_count) == (span.kind is BatchKind.REMOVE) for span in spans
    )
    assert all(
        (span.first > remove_count) == (span.kind is BatchKind.UPSERT) for span in spans
    )
    assert len(spans) == -(-remove_count // max_rows) + -(-upsert_count // max_rows)


@given(COUNTS, COUNTS)
def test_without_a_limit_all_is_one_batch(remove_count, upsert_count):
    spans = cut_batches(
        remove_count=remove_count, upsert_count=upsert_count, max_rows=None
    )

    assert sum(span.row_count for span in spans) == remove_count + upsert_count
    assert len(spans) == (1 if remove_count + upsert_count else 0)

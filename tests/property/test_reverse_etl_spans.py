"""Spans are sets of rows: joined, divided and written without losing one or gaining one."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.spans import (
    Span,
    halves,
    joined,
    seqs_of,
    spans_from_text,
    spans_of,
    spans_text,
    without,
)

SEQS = st.sets(st.integers(1, 200), min_size=1)


@given(SEQS)
def test_spans_of_rows_hold_them_all_in_order_and_as_few_spans_as_can_be(seqs):
    spans = spans_of(seqs)

    assert list(seqs_of(spans)) == sorted(seqs)
    assert all(
        later.first > earlier.last + 1 for earlier, later in itertools.pairwise(spans)
    )


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(0, 20)), max_size=12))
def test_joined_spans_hold_the_same_rows_once(pairs):
    spans = [Span(first, first + more) for first, more in pairs]

    assert list(seqs_of(joined(spans))) == sorted(set(seqs_of(spans)))


@given(SEQS, st.sets(st.integers(1, 200)))
def test_without_takes_out_just_these_rows(seqs, gone):
    assert list(seqs_of(without(spans_of(seqs), gone))) == sorted(seqs - gone)


@given(SEQS.filter(lambda seqs: len(seqs) > 1), st.data())
def test_halves_hold_every_row_once_and_half_of_those_that_count(seqs, data):
    spans = spans_of(seqs)
    counting = sorted(data.draw(st.sets(st.sampled_from(sorted(seqs)), min_size=2)))

    left, right = halves(spans, counting)

    assert [*seqs_of(left), *seqs_of(right)] == sorted(seqs)
    in_left = sum(seq in set(seqs_of(left)) for seq in counting)
    assert in_left == len(counting) // 2
    assert left
    assert right


@given(SEQS)
def test_what_is_written_is_read_again(seqs):
    spans = spans_of(seqs)

    assert spans_from_text(spans_text(spans)) == spans

"""Conditions on the order of events."""

from collections.abc import Mapping

import yaml

from audiences.catalogue import EVENTS
from audiences.conditions import Rows, Sequence, Step
from audiences.nodes import Nodes
from audiences.reading_relations import WINDOWS, RelatedNodes

MAX_STEPS = 10


class SequenceConditions:
    """Reads sequences of events of one file."""

    def __init__(self, nodes: Nodes, related: RelatedNodes) -> None:
        self._nodes = nodes
        self._related = related

    def read(self, node: yaml.Node, entries: Mapping[str, yaml.Node]) -> Sequence:
        """Events one after another."""
        allowed = ("sequence", *WINDOWS, "span_days", "span_hours")
        self._related.known(entries, allowed, "a sequence")
        items = self._nodes.items(entries["sequence"], "sequence")
        if len(items) > MAX_STEPS:
            self._nodes.fail(
                items[MAX_STEPS], f"a sequence has at most {MAX_STEPS} steps."
            )
        relation = self._related.relation(node, EVENTS)
        steps = [
            self._step(item, is_first=index == 0, is_last=index == len(items) - 1)
            for index, item in enumerate(items)
        ]
        absent = steps.pop()[0] if steps[-1][1] else None
        if len(steps) + (absent is not None) < 2:
            self._nodes.fail(node, "a sequence has at least two steps.")
        return Sequence(
            relation.name,
            tuple(step for step, _ in steps),
            absent,
            self._related.limit(entries, "span_days", "span_hours"),
            self._related.window(entries, relation),
        )

    def _step(
        self, node: yaml.Node, *, is_first: bool, is_last: bool
    ) -> tuple[Step, bool]:
        """A step, and whether it is one that did not happen."""
        entries = self._nodes.mapping(node, "a step")
        is_absent = "no_event" in entries
        if is_absent:
            if is_first or not is_last:
                self._nodes.fail(node, "no_event is the last step, after an event.")
            entries = {
                "event" if key == "no_event" else key: value
                for key, value in entries.items()
            }
        if "event" not in entries:
            self._nodes.fail(
                node, "a step has an event, or as the last one a no_event."
            )
        rows, _ = self._related.rows(
            node, entries, ("where", "within_days", "within_hours")
        )
        hours = self._related.limit(entries, "within_days", "within_hours")
        if is_first and hours is not None:
            self._nodes.fail(
                node,
                "the first step comes after none: give within_days beside sequence.",
            )
        return Step(
            Rows(rows.relation, rows.subject, rows.only, rows.where), hours
        ), is_absent

"""What is done with those whom the conditions let in: samples, the first by a column, groups."""

import re
from decimal import Decimal

import yaml

from audiences.catalogue import Entity
from audiences.contracts import ColumnType
from audiences.definition import Holdout, Sample, Split, Top
from audiences.nodes import NUMBER, Nodes, UnusableError, shown, suggested
from audiences.selection import HOLDOUT

MAX_MEMBERS = 1_000_000_000
MAX_WEIGHT = 10_000
MAX_GROUPS = 20
ORDERS = ("highest", "lowest")
TIES = ("cut", "keep")
_SHARE = re.compile(r"0?\.[0-9]{1,9}\Z")
_RANKED = frozenset({ColumnType.NUMBER, ColumnType.TIMESTAMP, ColumnType.DATE})


class Selections:
    """Reads the selections of one file."""

    def __init__(self, nodes: Nodes, entity: Entity, default_salt: str) -> None:
        self._nodes = nodes
        self._entity = entity
        self._default_salt = default_salt

    def sample(self, node: yaml.Node) -> Sample:
        """A share, or a count."""
        fields = self._nodes.fields(node, "sample", (), ("share", "count", "salt"))
        if ("share" in fields) == ("count" in fields):
            self._nodes.fail(node, "sample takes either a share or a count.")
        salt = self._salt(fields.get("salt"))
        if "share" in fields:
            return Sample(salt, share=self._share(fields["share"]))
        return Sample(salt, count=self._members(fields["count"]))

    def top(self, node: yaml.Node) -> Top:
        """The first so many by a column."""
        fields = self._nodes.fields(node, "top", ("by", "count"), ("order", "ties"))
        if not {"by", "count"} <= fields.keys():
            raise UnusableError
        column = self._column(fields["by"])
        if self._entity.columns[column].type not in _RANKED:
            self._nodes.fail(
                fields["by"],
                f"{column} holds {self._entity.columns[column].type}, which has no order. "
                f"Take a number, a timestamp or a day.",
            )
        order = self._nodes.choice(fields["order"], ORDERS) if "order" in fields else ""
        ties = self._nodes.choice(fields["ties"], TIES) if "ties" in fields else ""
        return Top(
            column, self._members(fields["count"]), order != "lowest", ties == "keep"
        )

    def split(self, node: yaml.Node) -> Split:
        """Groups with weights, and a holdout."""
        optional = ("salt", "holdout", "stratify_by")
        fields = self._nodes.fields(node, "split", ("groups",), optional)
        if "groups" not in fields:
            raise UnusableError
        salt = self._salt(fields.get("salt"))
        stratify_by = self._nodes.attempt(self._column, fields.get("stratify_by"))
        holdout = self._nodes.attempt(self._holdout, fields.get("holdout"), salt)
        return Split(salt, self._groups(fields["groups"]), holdout, stratify_by)

    def _groups(self, node: yaml.Node) -> tuple[tuple[str, int], ...]:
        entries = self._nodes.mapping(node, "groups")
        if not 1 <= len(entries) <= MAX_GROUPS:
            self._nodes.fail(node, f"a split has 1 to {MAX_GROUPS} groups.")
        groups = []
        for (name_node, weight), name in zip(node.value, entries, strict=True):
            self._nodes.identifier(name_node, "group")
            if name == HOLDOUT:
                self._nodes.fail(name_node, "the holdout is written beside groups.")
            groups.append(
                (name, self._nodes.whole_number(weight, "weight", 1, MAX_WEIGHT))
            )
        return tuple(groups)

    def _holdout(self, node: yaml.Node, default_salt: str) -> Holdout:
        fields = self._nodes.fields(node, "holdout", ("share",), ("salt",))
        if "share" not in fields:
            raise UnusableError
        salt = self._salt(fields["salt"]) if "salt" in fields else default_salt
        return Holdout(self._share(fields["share"]), salt)

    def _column(self, node: yaml.Node) -> str:
        name = self._nodes.text(node)
        if name not in self._entity.columns:
            suggestion = suggested(name, self._entity.columns)
            self._nodes.fail(node, f"the profile has no column {suggestion}")
        return name

    def _salt(self, node: yaml.Node | None) -> str:
        if node is None:
            return self._default_salt
        return self._nodes.identifier(node, "salt")

    def _share(self, node: yaml.Node) -> float:
        kind, text = self._nodes.scalar(node)
        if kind != NUMBER or not _SHARE.match(text) or not 0 < Decimal(text) < 1:
            self._nodes.fail(
                node,
                f"{shown(text)} is no share. Write a number between 0 and 1, as 0.1.",
            )
        return float(text)

    def _members(self, node: yaml.Node) -> int:
        return self._nodes.whole_number(node, "number of members", 1, MAX_MEMBERS)

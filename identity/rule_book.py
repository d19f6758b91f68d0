"""Reads and writes the link rules in the warehouse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from identity import lookup
from identity.cells import instant_or_none, text_or_none
from identity.errors import RuleConflictError, UnknownRuleError
from identity.identifiers import Identifier
from identity.lookup import Node, find_nodes
from identity.rules import (
    LINK,
    LinkRule,
    contradicted,
    next_rule_id,
    same_rule,
)
from identity.tables import LINK_RULES, SEEDED_LINK_RULES, require
from warehouse.connection import Warehouse
from warehouse.manifest import Relation

_COLUMNS = (
    "rule_id",
    "action",
    "left_type",
    "left_value",
    "right_type",
    "right_value",
    "reason",
    "author",
    "decided_on",
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of a rule that a person wrote.

    Attributes:
        rule: The rule as it stands.
        is_new: False when a rule said the same already; then that one is `rule`.
        left: What is known of the left identifier now.
        right: Of the right one.
    """

    rule: LinkRule
    is_new: bool
    left: Node
    right: Node

    @property
    def is_one_customer(self) -> bool:
        """Whether both belong to one customer as last built."""
        return (
            self.left.customer_id is not None
            and self.left.customer_id == self.right.customer_id
        )


def read_rules(warehouse: Warehouse) -> tuple[LinkRule, ...]:
    """All rules, those of the file first, then the oldest.

    Raises:
        NotBuiltError: The table is not there yet.
    """
    require(warehouse, LINK_RULES)
    return (
        *_read(warehouse, SEEDED_LINK_RULES, is_seeded=True),
        *_read(warehouse, LINK_RULES, is_seeded=False),
    )


def decide(
    warehouse: Warehouse,
    action: str,
    left: str,
    right: str,
    *,
    reason: str,
    author: str,
    now: datetime,
) -> Decision:
    """Write a rule, unless it stands there already.

    Args:
        warehouse: Open for writing.
        action: LINK or NEVER_LINK.
        left: An identifier as a person types it, or `type:value`.
        right: Another.
        reason: Why, for whoever reads it later.
        author: Who decided.
        now: When, UTC without a zone.

    Raises:
        NotBuiltError: The tables are not there yet.
        CustomerNotFoundError: An identifier is unknown.
        RuleConflictError: It contradicts rules that stand; they are named, and nothing is written.
    """
    require(warehouse, *lookup.REQUIRED, LINK_RULES)
    [[one, *_], [other, *_]] = find_nodes(warehouse, left, right)
    if one.node_id == other.node_id:
        raise RuleConflictError(
            f"Both name one and the same {one.identifier.type}. Nothing was written. Give two "
            "identifiers; type:value says which is meant where a value stands in several types."
        )
    with warehouse.transaction():
        rules = read_rules(warehouse)
        rule = LinkRule(
            rule_id=next_rule_id(rules, now.date()),
            action=action,
            left=one.identifier,
            right=other.identifier,
            reason=reason,
            author=author,
            decided_on=now,
            is_seeded=False,
        )
        known = same_rule(rules, rule)
        if known is None:
            _refuse_contradiction(rules, rule)
            _write(warehouse, rule)
    return Decision(rule=known or rule, is_new=known is None, left=one, right=other)


def lift(warehouse: Warehouse, rule_id: str) -> LinkRule:
    """Take a rule back that a command wrote.

    Raises:
        NotBuiltError: The table is not there yet.
        UnknownRuleError: There is no such rule, or it stands in the file.
    """
    rules = read_rules(warehouse)
    found = next((rule for rule in rules if rule.rule_id == rule_id), None)
    if found is None:
        known = [rule.rule_id for rule in rules if not rule.is_seeded]
        raise UnknownRuleError(
            f"There is no link rule '{rule_id}'. "
            + (
                f"Known: {', '.join(known)}."
                if known
                else "No command has written one."
            )
            + " `kenning identity rules` lists them."
        )
    if found.is_seeded:
        raise UnknownRuleError(
            f"Rule '{rule_id}' stands in seeds/link_rules.csv. Take it out there, then "
            "`kenning build`."
        )
    warehouse.execute(
        exp.delete(LINK_RULES.to_table(), where=exp.column("rule_id").eq(rule_id))
    )
    return found


def _refuse_contradiction(rules: Sequence[LinkRule], rule: LinkRule) -> None:
    against = contradicted(rules, rule)
    if not against:
        return
    says = "one customer" if rule.action == LINK else "two customers"
    raise RuleConflictError(
        f"Rule '{rule.rule_id}' would make the two {says}, and "
        f"{' and '.join(repr(each.rule_id) for each in against)} "
        f"{'says' if len(against) == 1 else 'together say'} the opposite. Nothing was written. "
        "See `kenning identity rules`; take a rule back with `kenning identity lift RULE_ID`."
    )


def _read(
    warehouse: Warehouse, relation: Relation, *, is_seeded: bool
) -> list[LinkRule]:
    if not warehouse.columns(relation.schema, relation.name):
        return []
    rows = warehouse.query(
        exp.select(*_COLUMNS)
        .from_(relation.to_table())
        .order_by("decided_on", "rule_id")
    )
    return [
        LinkRule(
            rule_id=str(rule_id),
            action=str(action),
            left=Identifier(str(left_type), str(left_value)),
            right=Identifier(str(right_type), str(right_value)),
            reason=text_or_none(reason) or "",
            author=text_or_none(author) or "",
            decided_on=instant_or_none(decided_on),
            is_seeded=is_seeded,
        )
        for (
            rule_id,
            action,
            left_type,
            left_value,
            right_type,
            right_value,
            reason,
            author,
            decided_on,
        ) in rows
    ]


def _write(warehouse: Warehouse, rule: LinkRule) -> None:
    warehouse.insert(
        LINK_RULES.schema,
        LINK_RULES.name,
        {
            name: [value]
            for name, value in zip(
                _COLUMNS,
                (
                    rule.rule_id,
                    rule.action,
                    rule.left.type,
                    rule.left.value,
                    rule.right.type,
                    rule.right.value,
                    rule.reason,
                    rule.author,
                    rule.decided_on,
                ),
                strict=True,
            )
        },
    )

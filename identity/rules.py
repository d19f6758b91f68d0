"""Link rules: who a person says is one customer, or is two. Which of them contradict. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from identity.identifiers import Identifier

LINK = "link"
NEVER_LINK = "never_link"


@dataclass(frozen=True, slots=True)
class LinkRule:
    """One rule.

    Attributes:
        rule_id: Names it in messages, in the merge log and for lifting it.
        action: LINK (one customer) or NEVER_LINK (two).
        left: One identifier.
        right: The other; a rule means the same either way round.
        reason: Why, in a person's words.
        author: Who decided.
        decided_on: When, UTC; None where the file does not say.
        is_seeded: Stands in seeds/link_rules.csv and is changed there.
    """

    rule_id: str
    action: str
    left: Identifier
    right: Identifier
    reason: str
    author: str
    decided_on: datetime | None
    is_seeded: bool

    @property
    def pair(self) -> frozenset[Identifier]:
        """What it is about."""
        return frozenset((self.left, self.right))


def next_rule_id(rules: Iterable[LinkRule], day: date) -> str:
    """An id that none of the rules has: r-20261124-0001, counted on within the day."""
    prefix = f"r-{day:%Y%m%d}-"
    numbers = [
        int(tail)
        for rule in rules
        if rule.rule_id.startswith(prefix)
        and (tail := rule.rule_id.removeprefix(prefix)).isdigit()
    ]
    return f"{prefix}{max(numbers, default=0) + 1:04}"


def same_rule(rules: Iterable[LinkRule], new: LinkRule) -> LinkRule | None:
    """The rule that says the same already."""
    return next(
        (rule for rule in rules if rule.action == new.action and rule.pair == new.pair),
        None,
    )


def contradicted(rules: Sequence[LinkRule], new: LinkRule) -> tuple[LinkRule, ...]:
    """The rules that a new one cannot stand beside; none when it can.

    Link rules chain: A with B and B with C contradict A apart from C.

    Returns:
        The never-link rule and the link rules of its chain, without the new one, by rule id.
    """
    together = [*rules, new]
    groups = _groups(rule for rule in together if rule.action == LINK)
    for rule in together:
        if rule.action != NEVER_LINK:
            continue
        left = groups.get(rule.left)
        if left is None or left != groups.get(rule.right):
            continue
        chain = [
            link
            for link in together
            if link.action == LINK and groups[link.left] == left
        ]
        if rule is new or new in chain:
            found = [each for each in (rule, *chain) if each is not new]
            return tuple(sorted(found, key=lambda each: each.rule_id))
    return ()


def _groups(links: Iterable[LinkRule]) -> dict[Identifier, int]:
    """The number of the group that link rules put an identifier into."""
    groups: dict[Identifier, int] = {}
    for number, link in enumerate(links):
        joined = {groups.get(link.left, number), groups.get(link.right, number)}
        groups[link.left] = groups[link.right] = number
        for identifier, group in groups.items():
            if group in joined:
                groups[identifier] = number
    return groups

"""What `kenning identity` prints. Pure: answers in, text out.

For the operator at the terminal: values are printed as they are, and nothing is logged.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from identity.audit import Audit, Suspect, WeakSpot
from identity.comparison import Comparison, Reshaping, Totals
from identity.evidence import LINK_RULE, Evidence
from identity.explanation import Explanation, Hop
from identity.identifiers import Identifier
from identity.lookup import Node
from identity.rule_book import Decision
from identity.rules import LINK, LinkRule
from identity.separation import (
    ATTACH_ONLY,
    LIMIT,
    MAX_LINKED,
    NEVER_LINK,
    Rule,
    Separation,
)
from identity.story import Change, Member, Story

if TYPE_CHECKING:
    from orchestration.identity_simulation import Simulation

SHOWN_REASONS = 3
SHOWN_RESHAPINGS = 10

_COUNTING_RULES = {
    MAX_LINKED: "max_linked: seen with {count:,} values of {type}, allowed are {limit:,}",
    LIMIT: "limit: it would make {count:,} values of {type}, allowed are {limit:,}",
}
_RULES = {
    ATTACH_ONLY: "attach_only: its type belongs to a customer and merges nobody",
    NEVER_LINK: "never_link: a link rule says that they are two",
}


def render_explanation(explanation: Explanation) -> str:
    """Why two identifiers are one customer, or what keeps them apart."""
    left, right = explanation.left, explanation.right
    if not explanation.is_one_customer:
        return _render_apart(explanation)
    heading = f"One customer: {left.customer_id}"
    if left.node_id == right.node_id:
        return f"{heading}\n\n{left.identifier} is one and the same identifier."
    if not explanation.hops:
        return (
            f"{heading}\n\nNo path of links that a person could follow leads from "
            f"{left.identifier} to {right.identifier}. The customer is too big to be one: "
            "look at `kenning identity audit`."
        )
    count = len(explanation.hops)
    lines = [heading, "", f"{_counted(count, 'link')} from one to the other:", ""]
    lines.append(f"{left.identifier}")
    for hop in explanation.hops:
        lines += [f"  {line}" for line in _hop_lines(hop)]
        lines.append(f"{hop.right.identifier}")
    return "\n".join(lines)


def render_story(story: Story) -> str:
    """How a customer came about."""
    shown = len(story.members)
    more = story.identifier_count - shown
    sections = [
        f"Customer {story.customer_id}",
        "\n".join(
            [
                f"Identifiers ({story.identifier_count:,}), in the order first seen",
                *_table(
                    [
                        (
                            _instant(member.first_seen_at),
                            _member_text(member),
                            _joined_text(member),
                        )
                        for member in story.members
                    ]
                ),
                *([f"  and {more:,} more"] if more else []),
            ]
        ),
        _section(
            "Ids",
            [
                (
                    each.customer_id,
                    each.status,
                    f"runs {each.first_run} to {each.last_run or 'now'}",
                )
                for each in story.ids
            ],
        ),
        _section(
            "Merges and splits, the latest first",
            [_change_line(change) for change in story.changes],
        ),
    ]
    return "\n\n".join(section for section in sections if section)


def render_audit(audit: Audit, *, show: Callable[[Identifier], str]) -> str:
    """What to look at, and why.

    Args:
        audit: The findings.
        show: How to print an identifier.
    """
    suspects = [
        "\n".join(_suspect_lines(suspect, show=show)) for suspect in audit.suspects
    ]
    sections = [
        (
            f"{_counted(audit.supercluster_count, 'supercluster')}, "
            f"{_counted(len(audit.suspects), 'customer')} looked into"
        ),
        *suspects,
        _section(
            "Types whose values several customers share",
            [
                (
                    line.type,
                    f"{line.shared_count:,} of {line.value_count:,} values",
                    f"{line.customers_per_value:.1f} customers each",
                    f"at most {line.most_customers:,}",
                )
                for line in audit.types
            ],
        ),
        _section(
            "Values to review (identity.identity_review)",
            [
                (kind, finding, f"{count:,}")
                for (kind, finding), count in audit.findings.items()
            ],
        ),
    ]
    return "\n\n".join(section for section in sections if section)


def render_decision(decision: Decision) -> str:
    """What a rule that was just written means, and when it does."""
    rule = decision.rule
    says = "one customer" if rule.action == LINK else "two customers"
    pair = f"{rule.left} and {rule.right}"
    if not decision.is_new:
        return (
            f"{rule.rule_id} says already that {pair} are {says}. Nothing was written."
        )
    now = "one customer" if decision.is_one_customer else "two customers"
    return (
        f"{rule.rule_id}: {pair} are {says} ({now} as last built).\n"
        "The next build applies it: kenning build"
    )


def render_rules(rules: Sequence[LinkRule]) -> str:
    """Every link rule with its reason."""
    if not rules:
        return "No link rule. `kenning identity link` and `unmerge` write some."
    return "\n".join(
        line
        for rule in rules
        for line in (
            f"{rule.rule_id}  {rule.action.replace('_', ' '):<10}  {rule.left}  {rule.right}",
            f"    {rule.reason} ({_author(rule)})",
        )
    )


def render_lifted(rule: LinkRule) -> str:
    """What taking a rule back means."""
    return (
        f"{rule.rule_id} is lifted: {rule.action.replace('_', ' ')} {rule.left} {rule.right}.\n"
        "The next build applies it: kenning build"
    )


def render_simulation(simulation: "Simulation") -> str:
    """What proposed rules would change."""
    comparison = simulation.comparison
    scope = (
        "all customers"
        if simulation.sample_size is None
        else f"a sample of {_counted(simulation.sample_size, 'customer')} "
        "and all whom shared identifiers tie to them"
    )
    sections = [
        f"Proposed rules on {scope}, as of {_instant(simulation.as_of)}. Nothing was changed.",
        _waiting_text(simulation.waiting_rules),
        _section("", _total_lines(comparison)),
        _reshaping_section("Splits", comparison.splits, "parts into"),
        _reshaping_section("Merges", comparison.merges, "is made of"),
        _section("Biggest customers, before", _biggest_lines(comparison.before)),
        _section("Biggest customers, after", _biggest_lines(comparison.after)),
        _section(
            "Audiences",
            [
                (
                    change.name,
                    f"{change.before:,}",
                    "->",
                    f"{change.after:,}",
                    f"{change.entered:,} enter, {change.left:,} leave",
                )
                for change in comparison.audiences or ()
            ],
        ),
    ]
    return "\n\n".join(section for section in sections if section)


def _waiting_text(rules: Sequence[str]) -> str:
    if not rules:
        return ""
    return (
        f"What follows includes {_counted(len(rules), 'link rule')} written since the last build: "
        f"{', '.join(rules)}."
    )


def _render_apart(explanation: Explanation) -> str:
    left, right = explanation.left, explanation.right
    separation = explanation.separation or Separation()
    lines = [
        "Not one customer",
        "",
        *_table([_node_line(left), _node_line(right)]),
    ]
    if separation.never_links:
        rules = ", ".join(separation.never_links)
        lines += ["", f"Kept apart by never-link rules: {rules}"]
    if separation.edges:
        lines += ["", "Links between them that a rule keeps from merging:"]
    for edge in separation.edges:
        lines += [
            f"  {edge.left}  {edge.right}",
            f"    {_rule_text(edge.rule)}",
            *[f"    | {line}" for line in _evidence_lines(edge.evidence)],
        ]
    if not separation.never_links and not separation.edges:
        lines += ["", "No record names identifiers of both."]
    return "\n".join(lines)


def _node_line(node: Node) -> tuple[str, str]:
    if node.customer_id is None:
        return str(node.identifier), f"nobody's: {node.status}"
    shared = " (shared)" if node.is_shared else ""
    return str(node.identifier), f"{node.customer_id}{shared}"


def _rule_text(rule: Rule) -> str:
    count, limit = rule.linked_count, rule.linked_limit
    if rule.name in _COUNTING_RULES and count is not None and limit is not None:
        return _COUNTING_RULES[rule.name].format(
            count=count, type=rule.linked_type, limit=limit
        )
    return _RULES.get(rule.name, rule.name)


def _hop_lines(hop: Hop) -> list[str]:
    lines = _evidence_lines(hop.evidence)
    if not hop.is_merging:
        shared = hop.left if hop.left.is_shared else hop.right
        lines.append(f"the {shared.identifier.type} is shared: it merges nobody")
    return [f"| {line}" for line in lines]


def _evidence_lines(evidence: Sequence[Evidence]) -> list[str]:
    lines = [_evidence_text(each) for each in evidence[:SHOWN_REASONS]]
    rest = len(evidence) - SHOWN_REASONS
    return [*lines, *([f"and {rest:,} more like these"] if rest > 0 else [])]


def _evidence_text(evidence: Evidence) -> str:
    if evidence.rule_name == LINK_RULE:
        return f"link   rule {evidence.record_key}"
    return (
        f"record {evidence.source_model} {evidence.record_key}  "
        f"{_span(evidence.first_seen_at, evidence.last_seen_at)}  "
        f"{_counted(evidence.record_count, 'record')}"
    )


def _member_text(member: Member) -> str:
    if not member.is_shared:
        return str(member.identifier)
    mark = "attached" if member.status == "attached" else "shared"
    return f"{member.identifier} ({mark})"


def _joined_text(member: Member) -> str:
    evidence, other = member.evidence, member.joined_to
    if evidence is None or other is None:
        return ""
    if evidence.rule_name == LINK_RULE:
        return f"with {other} by rule {evidence.record_key}"
    return f"with {other} in {evidence.source_model} {evidence.record_key}"


def _change_line(change: Change) -> tuple[str, ...]:
    return (
        _instant(change.happened_at),
        f"run {change.run_id}",
        change.kind,
        f"{change.from_customer_id} -> {change.into_customer_id}",
        _counted(change.identifier_count, "identifier"),
        f"{(change.cause or '').replace('_', ' ')}{_cause_text(change)}",
    )


def _cause_text(change: Change) -> str:
    if not change.ends:
        return ""
    ends = " - ".join(str(end) for end in change.ends)
    return f": {ends} in {change.source_model} {change.record_key}"


def _suspect_lines(suspect: Suspect, *, show: Callable[[Identifier], str]) -> list[str]:
    size = "supercluster, " if suspect.is_supercluster else ""
    lines = [
        (
            f"{suspect.customer_id}  {size}"
            f"{_counted(suspect.identifier_count, 'identifier')}, "
            f"{_counted(suspect.edge_count, 'link')}, trust {suspect.trust_score:.2f}"
        ),
        f"  {suspect.identifiers_per_type}",
    ]
    if not suspect.is_searched:
        lines.append("  too many links to search for the weakest")
    elif not suspect.weak_spots:
        lines.append("  no single link or identifier would split it")
    lines += [f"  {_spot_text(spot, show=show)}" for spot in suspect.weak_spots]
    return lines


def _spot_text(spot: WeakSpot, *, show: Callable[[Identifier], str]) -> str:
    what = " - ".join(show(identifier) for identifier in spot.identifiers)
    kind = "identifier" if len(spot.identifiers) == 1 else "link"
    parts = " | ".join(f"{size:,}" for size in spot.cut.parts[:5])
    rest = " | …" if len(spot.cut.parts) > 5 else ""
    return (
        f"{spot.cut.score:.2f}  {kind} {what}  parts {parts}{rest}, "
        f"held by {_counted(spot.cut.record_count, 'record')}"
    )


def _total_lines(comparison: Comparison) -> list[tuple[str, ...]]:
    before, after = comparison.before, comparison.after
    return [
        _change("customers", before.customer_count, after.customer_count),
        _change("identifiers", before.identifier_count, after.identifier_count),
        ("with another customer id", f"{comparison.moved_count:,}"),
        ("that leave the graph", f"{comparison.gone_count:,}"),
        ("that come into it", f"{comparison.new_count:,}"),
        ("customers that part", f"{len(comparison.splits):,}"),
        ("customers made of several", f"{len(comparison.merges):,}"),
    ]


def _change(what: str, before: int, after: int) -> tuple[str, ...]:
    return what, f"{before:,}", "->", f"{after:,}", f"{after - before:+,}"


def _reshaping_section(title: str, reshapings: Sequence[Reshaping], verb: str) -> str:
    lines = [
        (
            each.customer_id,
            f"{verb} {len(each.parts):,}:",
            ", ".join(f"{name} ({count:,})" for name, count in each.parts[:4])
            + (", …" if len(each.parts) > 4 else ""),
        )
        for each in reshapings[:SHOWN_RESHAPINGS]
    ]
    rest = len(reshapings) - SHOWN_RESHAPINGS
    return _section(title, lines) + (f"\n  and {rest:,} more" if rest > 0 else "")


def _biggest_lines(totals: Totals) -> list[tuple[str, ...]]:
    return [
        (customer_id, _counted(count, "identifier"))
        for customer_id, count in totals.biggest
    ]


def _author(rule: LinkRule) -> str:
    when = f", {rule.decided_on:%Y-%m-%d}" if rule.decided_on else ""
    where = ", seeds/link_rules.csv" if rule.is_seeded else ""
    return f"{rule.author or 'nobody named'}{when}{where}"


def _section(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    return "\n".join([*([title] if title else []), *_table(rows)])


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows in columns as wide as their widest cell; the last column is as long as it is."""
    widths: list[int] = []
    for row in rows:
        for index, cell in enumerate(row):
            if index == len(widths):
                widths.append(0)
            widths[index] = max(widths[index], len(cell))
    return [
        "  "
        + "  ".join(
            f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)
        ).rstrip()
        for row in rows
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _span(first: datetime | None, last: datetime | None) -> str:
    if first is None:
        return "when is not known"
    if last is None or last == first:
        return _instant(first)
    return f"{_instant(first)} to {_instant(last)}"


def _instant(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}" if instant else "-" * 16

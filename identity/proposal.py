"""Rules that somebody thinks of: the YAML file of `kenning identity simulate`, parsed. Pure.

```yaml
identifier_types:            # patches the entry of the same type; null takes a setting away
  - {type: email, limit: 3}
  - {type: phone, merges: false}
blocked:                     # rows added to seeds/blocked_identifiers.csv
  - {identifier_type: email, match: exact, value: info@shop.example, reason: the shop's own}
link_rules:                  # rows added to seeds/link_rules.csv
  - {action: never_link, left: "email:ada@x.example", right: "phone:+31612345678"}
hygiene: {shared_by: 5}      # patches identity_hygiene
```
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import yaml

from identity.errors import ProposalError
from identity.identifiers import Identifier
from identity.rules import LINK, NEVER_LINK

MATCHES = ("exact", "like", "characters")

_KEYS = ("identifier_types", "blocked", "link_rules", "hygiene")
_BLOCKED_KEYS = ("identifier_type", "match", "value", "reason")
_RULE_KEYS = ("action", "left", "right", "reason")

Settings = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BlockedRow:
    """A row for the blocked values; the columns are those of the seed."""

    identifier_type: str
    match: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A link rule that is only thought of."""

    action: str
    left: Identifier
    right: Identifier
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Everything that the file proposes.

    Attributes:
        identifier_types: Patches, each with its type; in the file's order.
        blocked: Rows to add.
        link_rules: Rows to add.
        hygiene: Settings to change.
    """

    identifier_types: tuple[Settings, ...]
    blocked: tuple[BlockedRow, ...]
    link_rules: tuple[RuleRow, ...]
    hygiene: Settings


def parse_proposal(text: str, *, where: str) -> Proposal:
    """Read the file.

    Args:
        text: YAML.
        where: The file's name, for messages.

    Raises:
        ProposalError: It is no YAML, or says something that a proposal does not.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise ProposalError(f"{where}{line} is not valid YAML. Correct it.") from None
    if not isinstance(content, dict) or not content:
        raise ProposalError(
            f"{where} proposes nothing. Give any of {', '.join(_KEYS)}; "
            "docs/how-to/review-identity.md has an example."
        )
    _check_keys(content, _KEYS, where=where)
    return Proposal(
        identifier_types=tuple(
            _typed(entry, where=f"{where}, identifier_types, entry {number}")
            for number, entry in _entries(content, "identifier_types", where)
        ),
        blocked=tuple(
            _blocked_row(entry, where=f"{where}, blocked, entry {number}")
            for number, entry in _entries(content, "blocked", where)
        ),
        link_rules=tuple(
            _rule_row(entry, where=f"{where}, link_rules, entry {number}")
            for number, entry in _entries(content, "link_rules", where)
        ),
        hygiene=_map(content.get("hygiene") or {}, where=f"{where}, hygiene"),
    )


def proposed_variables(
    proposal: Proposal, variables: Mapping[str, object]
) -> dict[str, object]:
    """The dbt variables that the proposal changes, as they would be.

    Args:
        proposal: What is proposed.
        variables: `vars` of dbt_project.yml.

    Returns:
        identifier_types and identity_hygiene, each only where it changes. A type that the project
        does not have comes last, as the weakest; entries that name all of the project's types are
        in the new order of strength.
    """
    changed: dict[str, object] = {}
    if proposal.identifier_types:
        current = variables.get("identifier_types")
        changed["identifier_types"] = _patched_types(
            current if isinstance(current, list) else [], proposal.identifier_types
        )
    if proposal.hygiene:
        hygiene = variables.get("identity_hygiene")
        changed["identity_hygiene"] = _patched(
            hygiene if isinstance(hygiene, dict) else {}, proposal.hygiene
        )
    return changed


def _patched_types(
    current: Sequence[Settings], patches: Iterable[Settings]
) -> list[dict[str, object]]:
    patched = {str(entry["type"]): dict(entry) for entry in current}
    order = list(patched)
    named = []
    for patch in patches:
        name = str(patch["type"])
        patched[name] = _patched(patched.get(name, {}), patch)
        named.append(name)
    new = [name for name in named if name not in order]
    if set(order) <= set(named):
        return [patched[name] for name in named]
    return [patched[name] for name in [*order, *new]]


def _patched(settings: Settings, patch: Settings) -> dict[str, object]:
    return {
        name: value
        for name, value in {**settings, **patch}.items()
        if value is not None
    }


def _typed(entry: object, *, where: str) -> Settings:
    settings = _map(entry, where=where)
    if not isinstance(settings.get("type"), str):
        raise ProposalError(f"{where} has no type. Say which: {{type: email, …}}.")
    return settings


def _blocked_row(entry: object, *, where: str) -> BlockedRow:
    row = _map(entry, where=where)
    _check_keys(row, _BLOCKED_KEYS, where=where)
    match = str(row.get("match", "exact"))
    if match not in MATCHES:
        raise ProposalError(
            f"{where} has match '{match}'. Give one of {', '.join(MATCHES)}."
        )
    return BlockedRow(
        identifier_type=str(row.get("identifier_type", "*")),
        match=match,
        value=_text(row, "value", where=where),
        reason=str(row.get("reason", "proposed")),
    )


def _rule_row(entry: object, *, where: str) -> RuleRow:
    row = _map(entry, where=where)
    _check_keys(row, _RULE_KEYS, where=where)
    action = str(row.get("action"))
    if action not in (LINK, NEVER_LINK):
        raise ProposalError(
            f"{where} has action '{action}'. Give {LINK} or {NEVER_LINK}."
        )
    return RuleRow(
        action=action,
        left=_identifier(row, "left", where=where),
        right=_identifier(row, "right", where=where),
        reason=str(row.get("reason", "proposed")),
    )


def _identifier(row: Settings, side: str, *, where: str) -> Identifier:
    kind, colon, value = _text(row, side, where=where).partition(":")
    if not colon or not value:
        raise ProposalError(
            f"{where}: {side} names no type. Write it as type:value, such as email:…, with the "
            "value as identity.identity_map has it."
        )
    return Identifier(kind.strip(), value.strip())


def _text(row: Settings, name: str, *, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise ProposalError(f"{where}: {name} is missing or no text. Put it in quotes.")
    return value


def _entries(content: Settings, key: str, where: str) -> Iterable[tuple[int, object]]:
    entries = content.get(key) or []
    if not isinstance(entries, list):
        raise ProposalError(f"{where}: {key} is no list. Begin each entry with a dash.")
    return enumerate(entries, start=1)


def _map(value: object, *, where: str) -> Settings:
    if not isinstance(value, dict):
        raise ProposalError(f"{where} is no map of names to values.")
    return {str(key): entry for key, entry in value.items()}


def _check_keys(found: Settings, known: Sequence[str], *, where: str) -> None:
    for key in found:
        if key not in known:
            nearest = difflib.get_close_matches(str(key), known, n=1)
            hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
            raise ProposalError(
                f"{where} has '{key}', which means nothing there.{hint} Known: "
                f"{', '.join(known)}."
            )

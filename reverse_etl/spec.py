"""A sync as a typed value: what the `config.meta.sync` of an exposure says.

Pure, types only. `spec_reading` reads exposures into them; what a destination can do with
one is checked in `destinations.registry`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from reverse_etl.modes import Mode, Removal
from warehouse.values import Relation

Constant: TypeAlias = str | int | float | bool | None

CUSTOMER_COLUMN = "customer_id"
"""Column that consent is looked up by, in every model that a sync with a purpose sends."""


class Nulls(StrEnum):
    """What a null does to its field at the destination: nothing, or empty it."""

    IGNORE = "ignore"
    CLEAR = "clear"


class Cast(StrEnum):
    """What a value is turned into before it goes. Times count from 1970 in UTC."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    UNIX_SECONDS = "unix_seconds"
    UNIX_MILLISECONDS = "unix_milliseconds"


class InDoubt(StrEnum):
    """What happens to rows whose answer was lost, where sending twice does it twice.

    HOLD leaves them to a person, SKIP counts them as delivered, RESEND sends them again.
    """

    HOLD = "hold"
    SKIP = "skip"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Guards:
    """Limits on one run. A run beyond one of them is held: nothing is sent.

    Attributes:
        max_remove_rate: Most removals, as a share of the rows that the destination holds.
        max_change_rate: Most changes, as a share of them.
        max_growth_rate: Most additions, as a share of them.
        max_consent_drop: Most that the share of rows with consent may fall by, from one
            run to the next.
        min_held_rows: Growth and consent are only judged from this many rows on.
        allow_empty: Lets an empty model through, which in mirror mode removes every row.
    """

    max_remove_rate: float = 0.1
    max_change_rate: float = 0.5
    max_growth_rate: float = 0.5
    max_consent_drop: float = 0.2
    min_held_rows: int = 100
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One field of the destination: a column, a constant, or a template over columns.

    Attributes:
        field: The destination's name; dots nest it.
        column: Column of the model.
        constant: Sent as it is.
        template: Text with `{column}` in it; null when one of them is null.
        nulls: See `Nulls`.
        cast: See `Cast`; None sends the column's own type.
        normaliser: Name of the normaliser that the value goes through, hashing included.
        is_hashed: The column holds hashes already.
        is_first_write_only: Sent with a record's first write and never again.
    """

    field: str
    column: str | None = None
    constant: Constant = None
    template: str | None = None
    nulls: Nulls = Nulls.IGNORE
    cast: Cast | None = None
    normaliser: str | None = None
    is_hashed: bool = False
    is_first_write_only: bool = False


@dataclass(frozen=True, slots=True)
class MatchMapping:
    """One identifier by which the destination finds a record.

    `normaliser` and `is_hashed` are as in `FieldMapping`.
    """

    identifier: str
    column: str
    normaliser: str | None = None
    is_hashed: bool = False


@dataclass(frozen=True, slots=True)
class Association:
    """A record that this one belongs to, by its identifier in a column."""

    name: str
    column: str


@dataclass(frozen=True, slots=True)
class SyncSpec:
    """One sync.

    `mapping` is in the exposure's order and does not hold the key. `match` is empty when
    the key is the destination's identifier. `purpose` is None only for rows that are
    nobody's personal data. `on_removal` is for rows that left the model, `on_withdrawal`
    for those whose consent is gone; None takes the gentlest that the destination has.
    `public_columns` are the columns that the model marks as nobody's personal data.
    `path` is the file to open when something about the configuration is wrong.
    """

    name: str
    model: str
    model_unique_id: str
    relation: Relation
    destination: str
    object: str
    mode: Mode
    key: str
    mapping: tuple[FieldMapping, ...]
    purpose: str | None
    guards: Guards
    path: str
    settings: Mapping[str, str] = field(default_factory=dict)
    match: tuple[MatchMapping, ...] = ()
    associations: tuple[Association, ...] = ()
    on_removal: Removal | None = None
    on_withdrawal: Removal | None = None
    in_doubt: InDoubt = InDoubt.HOLD
    refresh_after_days: int | None = None
    default_region: str | None = None
    public_columns: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the model that are sent, each once: mapping, match, associations."""
        sent = [name for mapped in self.mapping for name in columns_of(mapped)] + [
            matched.column for matched in self.match
        ]
        sent += [association.column for association in self.associations]
        return tuple(dict.fromkeys(sent))

    @property
    def needs_consent(self) -> bool:
        """Whether a row goes only with its customer's consent to the purpose.

        Taking somebody out of a list, or archiving, asks nobody.
        """
        return self.purpose is not None and self.mode not in (
            Mode.REMOVE,
            Mode.ARCHIVE,
        )


def columns_of(mapped: FieldMapping) -> tuple[str, ...]:
    """Columns that a field is made of; none for a constant."""
    if mapped.column is not None:
        return (mapped.column,)
    if mapped.template is not None:
        return tuple(name for _, name in template_parts(mapped.template) if name)
    return ()


def template_parts(template: str) -> tuple[tuple[str, str | None], ...]:
    """A template as (text before, column), the last with column None.

    `{{` and `}}` stand for braces.

    Raises:
        ValueError: A brace is not closed, or what it names is not a plain name.
    """
    parts: list[tuple[str, str | None]] = []
    text = ""
    position = 0
    while position < len(template):
        character = template[position]
        if template[position : position + 2] in ("{{", "}}"):
            text += character
            position += 2
        elif character == "{":
            end = template.find("}", position)
            name = template[position + 1 : end] if end > 0 else ""
            if not name.isidentifier():
                raise ValueError(template)
            parts.append((text, name))
            text = ""
            position = end + 1
        elif character == "}":
            raise ValueError(template)
        else:
            text += character
            position += 1
    return (*parts, (text, None))


def mapping_fingerprint(spec: SyncSpec, versions: Mapping[str, int]) -> str:
    """What decides how a row looks at the destination, as 32 hexadecimal digits.

    Args:
        spec: The sync.
        versions: Version by normaliser name.
    """
    mapped: tuple[FieldMapping | MatchMapping, ...] = (*spec.mapping, *spec.match)
    normalisers = {each.normaliser for each in mapped if each.normaliser is not None}
    described = {
        "match": [
            [each.identifier, each.column, each.normaliser, each.is_hashed]
            for each in spec.match
        ],
        "mapping": [
            [
                each.field,
                each.column,
                each.constant,
                each.template,
                each.nulls,
                each.cast,
                each.normaliser,
                each.is_hashed,
                each.is_first_write_only,
            ]
            for each in sorted(spec.mapping, key=lambda each: each.field)
        ],
        "associations": [[each.name, each.column] for each in spec.associations],
        "settings": sorted(spec.settings.items()),
        "region": spec.default_region,
        "versions": sorted((name, versions.get(name, 0)) for name in normalisers),
    }
    text = json.dumps(described, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

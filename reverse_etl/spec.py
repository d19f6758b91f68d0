"""A sync's configuration: the `config.meta.sync` of an exposure, as a typed value.

Pure. Everything that can be known wrong without a connection is refused here, with the
nearest valid name for a mistyped one.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from reverse_etl.errors import SpecError
from warehouse.manifest import Exposure, Json, Manifest, Model
from warehouse.values import Relation

Constant: TypeAlias = str | int | float | bool | None

CUSTOMER_COLUMN = "customer_id"
"""Column that consent is looked up by, in every model that a sync with a purpose sends."""

SETTINGS = (
    "destination",
    "object",
    "mode",
    "key",
    "mapping",
    "purpose",
    "personal_data",
    "guards",
)
GUARD_SETTINGS = ("max_remove_rate", "max_change_rate", "allow_empty")

_OBJECT_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NO_PURPOSE = "none"


class Mode(StrEnum):
    """What happens to a row that leaves the model: kept by upsert, removed by mirror."""

    UPSERT = "upsert"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class Guards:
    """Limits on one run. A run beyond one of them is held: nothing is sent.

    Rates are shares (0 to 1) of the rows that the destination holds by our own record.
    `allow_empty` lets an empty model through, which in mirror mode removes every row.
    """

    max_remove_rate: float = 0.1
    max_change_rate: float = 0.5
    allow_empty: bool = False


_DEFAULT_GUARDS = Guards()


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One field of the destination: a column of the model, or else a constant."""

    field: str
    column: str | None = None
    constant: Constant = None


@dataclass(frozen=True, slots=True)
class SyncSpec:
    """One sync.

    `mapping` is in the exposure's order and does not hold the key, which is always sent.
    `purpose` is None only for rows that are nobody's personal data. `path` is the file to
    open when something about the configuration is wrong.
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

    @property
    def columns(self) -> tuple[str, ...]:
        """Mapped columns of the model, each once, in mapping order."""
        mapped = (field.column for field in self.mapping if field.column is not None)
        return tuple(dict.fromkeys(mapped))


def sync_specs(manifest: Manifest) -> tuple[SyncSpec, ...]:
    """Every sync of the project, by name.

    Raises:
        SpecError: An exposure with `meta.sync` is not a valid sync; the message names the
            exposure, its file and the setting.
    """
    return tuple(
        parse_sync(exposure, manifest)
        for _, exposure in sorted(manifest.exposures.items())
        if exposure.sync is not None
    )


def parse_sync(exposure: Exposure, manifest: Manifest) -> SyncSpec:
    """Read one exposure's `meta.sync`.

    Raises:
        SpecError: See `sync_specs`.
    """
    reader = _Reader(exposure)
    reader.check_names(exposure.sync or {}, "setting", SETTINGS)
    model = reader.model(manifest)
    key = reader.text("key")
    reader.check_column(key, model, "key")
    mapping = reader.mapping(model, key)
    return SyncSpec(
        name=exposure.name,
        model=model.name,
        model_unique_id=model.unique_id,
        relation=model.relation,
        destination=reader.text("destination"),
        object=reader.object_name(),
        mode=reader.mode(),
        key=key,
        mapping=mapping,
        purpose=reader.purpose(model, key, mapping),
        guards=reader.guards(),
        path=exposure.path,
    )


class _Reader:
    """Reads settings of one exposure, so that every refusal names it and its file."""

    def __init__(self, exposure: Exposure) -> None:
        self._exposure = exposure
        self._settings: Mapping[str, Json] = exposure.sync or {}

    def refusal(self, reason: str) -> SpecError:
        return SpecError(
            f"Sync '{self._exposure.name}' in {self._exposure.path}: {reason}"
        )

    def check_names(
        self, found: Iterable[str], kind: str, known: tuple[str, ...]
    ) -> None:
        for name in found:
            if name not in known:
                raise self.refusal(
                    f"there is no {kind} '{name}'.{_nearest(name, known)} "
                    f"Known: {', '.join(known)}."
                )

    def text(self, name: str) -> str:
        value = self._settings.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.refusal(f"'{name}' is missing or is not text. Give it a name.")
        return value

    def object_name(self) -> str:
        value = self.text("object")
        if not _OBJECT_NAME.fullmatch(value):
            raise self.refusal(
                f"object '{value}' is not a name. Use lower-case letters, digits and "
                "underscores."
            )
        return value

    def mode(self) -> Mode:
        value = self.text("mode")
        if value not in list(Mode):
            supported = tuple(str(mode) for mode in Mode)
            raise self.refusal(
                f"mode '{value}' is not supported yet.{_nearest(value, supported)} "
                f"Supported: {', '.join(supported)}."
            )
        return Mode(value)

    def model(self, manifest: Manifest) -> Model:
        depends_on = self._exposure.depends_on
        if len(depends_on) != 1 or not depends_on[0].startswith("model."):
            raise self.refusal(
                f"it depends on {len(depends_on)} nodes ({', '.join(depends_on)}). "
                "depends_on is exactly one ref() to the sync_ model that it sends."
            )
        return manifest.model_by_id(depends_on[0])

    def check_column(self, column: str, model: Model, where: str) -> None:
        if column not in model.columns:
            known = tuple(model.columns)
            raise self.refusal(
                f"{where} names column '{column}', which {model.name} does not "
                f"document.{_nearest(column, known)} Its columns: {', '.join(known)}."
            )

    def mapping(self, model: Model, key: str) -> tuple[FieldMapping, ...]:
        value = self._settings.get("mapping")
        if not isinstance(value, dict) or not value:
            raise self.refusal(
                "'mapping' is missing or empty. Map each field of the destination to a "
                "column of the model."
            )
        if key in value:
            raise self.refusal(
                f"'mapping' has a field '{key}', which is the key. The key is always "
                "sent; take it out of the mapping."
            )
        return tuple(
            self._field(field, source, model) for field, source in value.items()
        )

    def _field(self, field: str, source: Json, model: Model) -> FieldMapping:
        where = f"mapping.{field}"
        if isinstance(source, str):
            self.check_column(source, model, where)
            return FieldMapping(field=field, column=source)
        if isinstance(source, dict):
            self.check_names(source, f"setting under {where}", ("constant",))
            constant = source.get("constant")
            if constant is None or isinstance(constant, str | int | float | bool):
                return FieldMapping(field=field, constant=constant)
        raise self.refusal(
            f"{where} is neither the name of a column nor {{constant: <text, number or "
            "true/false>}}."
        )

    def purpose(
        self, model: Model, key: str, mapping: tuple[FieldMapping, ...]
    ) -> str | None:
        purpose = self._settings.get("purpose")
        is_personal = self._settings.get("personal_data", True)
        if not isinstance(is_personal, bool):
            raise self.refusal("'personal_data' is true or false.")
        if not isinstance(purpose, str) or not purpose.strip():
            raise self.refusal(
                "'purpose' is missing. Name the purpose that a customer must have "
                "consented to (email_marketing, ads ...). Without one nothing is sent."
            )
        if purpose != _NO_PURPOSE:
            if not is_personal:
                raise self.refusal(
                    f"personal_data: false contradicts purpose '{purpose}'. Keep one: a "
                    "purpose, or `purpose: none` with `personal_data: false`."
                )
            self.check_column(CUSTOMER_COLUMN, model, "purpose")
            return purpose
        if is_personal:
            raise self.refusal(
                "`purpose: none` is only for rows that are nobody's personal data. Name "
                "a purpose, or add `personal_data: false`."
            )
        self._check_nothing_personal(model, key, mapping)
        return None

    def _check_nothing_personal(
        self, model: Model, key: str, mapping: tuple[FieldMapping, ...]
    ) -> None:
        sent = {key, *(field.column for field in mapping if field.column is not None)}
        personal = [
            f"{name} ({column.pii})"
            for name, column in model.columns.items()
            if name in sent and column.pii not in (None, "none")
        ]
        if personal:
            raise self.refusal(
                f"`personal_data: false`, yet {model.name} marks as personal: "
                f"{', '.join(personal)}. Take them out, or name a purpose."
            )

    def guards(self) -> Guards:
        value = self._settings.get("guards", {})
        if not isinstance(value, dict):
            raise self.refusal("'guards' is a map of limits.")
        self.check_names(value, "guard", GUARD_SETTINGS)
        allow_empty = value.get("allow_empty", _DEFAULT_GUARDS.allow_empty)
        if not isinstance(allow_empty, bool):
            raise self.refusal("guards.allow_empty is true or false.")
        return Guards(
            max_remove_rate=self._rate(
                value, "max_remove_rate", _DEFAULT_GUARDS.max_remove_rate
            ),
            max_change_rate=self._rate(
                value, "max_change_rate", _DEFAULT_GUARDS.max_change_rate
            ),
            allow_empty=allow_empty,
        )

    def _rate(self, guards: Mapping[str, Json], name: str, default: float) -> float:
        value = guards.get(name, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or math.isnan(value)
            or not 0 <= value <= 1
        ):
            raise self.refusal(f"guards.{name} is a share between 0 and 1.")
        return float(value)


def _nearest(name: str, known: tuple[str, ...]) -> str:
    matches = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean '{matches[0]}'?" if matches else ""

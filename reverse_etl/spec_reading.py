"""Reads the `config.meta.sync` of an exposure into a `SyncSpec`.

Pure. Everything that can be known wrong without a connection is refused here, with the
nearest valid name for a mistyped one.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from reverse_etl.errors import SpecError
from reverse_etl.modes import Mode, Removal
from reverse_etl.normalising import NORMALISERS
from reverse_etl.spec import (
    CUSTOMER_COLUMN,
    Association,
    Cast,
    FieldMapping,
    Guards,
    InDoubt,
    MatchMapping,
    Nulls,
    SyncSpec,
    columns_of,
    template_parts,
)
from warehouse.manifest import Exposure, Json, Manifest, Model

SETTINGS = (
    "destination",
    "object",
    "settings",
    "mode",
    "key",
    "match",
    "mapping",
    "associations",
    "on_remove",
    "on_withdrawal",
    "purpose",
    "personal_data",
    "in_doubt",
    "refresh_after_days",
    "default_region",
    "guards",
)
FIELD_SETTINGS = (
    "from",
    "constant",
    "template",
    "nulls",
    "as",
    "hash",
    "hashed",
    "first_write_only",
)
MATCH_SETTINGS = ("from", "hash", "hashed")
GUARD_SETTINGS = (
    "max_remove_rate",
    "max_change_rate",
    "max_growth_rate",
    "max_consent_drop",
    "min_held_rows",
    "allow_empty",
)

_OBJECT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ACCOUNT_NAME = re.compile(r"[a-z][a-z0-9_]*")
_REGION = re.compile(r"[A-Z]{2}")
_NO_PURPOSE = "none"
_DEFAULT_GUARDS = Guards()

_Choice = TypeVar("_Choice", bound=StrEnum)


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
    reader = _Reader(exposure, manifest)
    key = reader.column_of("key")
    mapping = reader.mapping(key)
    match = reader.match()
    associations = reader.associations()
    sent = {key, *(name for each in mapping for name in columns_of(each))}
    sent |= {each.column for each in match} | {each.column for each in associations}
    mode = reader.choice("mode", Mode)
    return SyncSpec(
        name=exposure.name,
        model=reader.model.name,
        model_unique_id=reader.model.unique_id,
        relation=reader.model.relation,
        destination=reader.name("destination", _ACCOUNT_NAME),
        object=reader.name("object", _OBJECT_NAME),
        mode=mode,
        key=key,
        mapping=mapping,
        purpose=reader.purpose(sent),
        guards=reader.guards(),
        path=exposure.path,
        settings=reader.settings(),
        match=match,
        associations=associations,
        on_removal=reader.optional_choice("on_remove", Removal),
        on_withdrawal=reader.optional_choice("on_withdrawal", Removal),
        in_doubt=reader.optional_choice("in_doubt", InDoubt) or InDoubt.HOLD,
        refresh_after_days=reader.refresh_after_days(mode),
        default_region=reader.region(),
        public_columns=frozenset(
            name
            for name, column in reader.model.columns.items()
            if column.pii == "none"
        ),
    )


class _Reader:
    """Reads settings of one exposure, so that every refusal names it and its file."""

    def __init__(self, exposure: Exposure, manifest: Manifest) -> None:
        self._exposure = exposure
        self._settings: Mapping[str, Json] = exposure.sync or {}
        self.check_names(self._settings, "setting", SETTINGS)
        self.model = self._model(manifest)

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

    def name(self, setting: str, pattern: re.Pattern[str]) -> str:
        value = self.text(setting)
        if not pattern.fullmatch(value):
            raise self.refusal(
                f"{setting} '{value}' is not a name. Use letters, digits and underscores."
            )
        return value

    def choice(self, setting: str, choices: type[_Choice]) -> _Choice:
        value = self.text(setting)
        supported = tuple(str(each) for each in choices)
        if value not in supported:
            raise self.refusal(
                f"{setting} '{value}' is not one.{_nearest(value, supported)} "
                f"There are: {', '.join(supported)}."
            )
        return choices(value)

    def optional_choice(self, setting: str, choices: type[_Choice]) -> _Choice | None:
        if self._settings.get(setting) is None:
            return None
        return self.choice(setting, choices)

    def settings(self) -> Mapping[str, str]:
        value = self._settings.get("settings", {})
        if not isinstance(value, dict):
            raise self.refusal("'settings' is a map of what the object needs.")
        read = {}
        for name, each in value.items():
            if isinstance(each, bool):
                read[name] = "true" if each else "false"
            elif isinstance(each, str | int | float):
                read[name] = str(each)
            else:
                raise self.refusal(f"settings.{name} is not text, a number or a flag.")
        return read

    def refresh_after_days(self, mode: Mode) -> int | None:
        value = self._settings.get("refresh_after_days")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.refusal("'refresh_after_days' is a number of days, 1 or more.")
        if mode is Mode.APPEND:
            raise self.refusal(
                "'refresh_after_days' is for records that lapse. In mode 'append' every "
                "event would be told again. Take it out."
            )
        return value

    def region(self) -> str | None:
        value = self._settings.get("default_region")
        if value is None:
            return None
        if not isinstance(value, str) or not _REGION.fullmatch(value):
            raise self.refusal("'default_region' is a country's two letters, like NL.")
        return value

    def column_of(self, setting: str) -> str:
        column = self.text(setting)
        self.check_column(column, setting)
        return column

    def check_column(self, column: str, where: str) -> None:
        if column not in self.model.columns:
            known = tuple(self.model.columns)
            if not known:
                raise self.refusal(
                    f"{where} names column '{column}', and {self.model.name} documents no "
                    "columns. List them under `models:` in a YAML file beside it."
                )
            raise self.refusal(
                f"{where} names column '{column}', which {self.model.name} does not "
                f"document.{_nearest(column, known)} Its columns: {', '.join(known)}."
            )

    def mapping(self, key: str) -> tuple[FieldMapping, ...]:
        value = self._settings.get("mapping", {})
        if not isinstance(value, dict) or ("mapping" in self._settings and not value):
            raise self.refusal(
                "'mapping' is empty or no map. Map each field of the destination to a "
                "column of the model, or leave it out where a list wants no fields."
            )
        if key in value:
            raise self.refusal(
                f"'mapping' has a field '{key}', which is the key. The key is always "
                "sent; take it out of the mapping."
            )
        self._check_nesting(value)
        return tuple(self._field(name, source) for name, source in value.items())

    def _check_nesting(self, fields: Iterable[str]) -> None:
        known = set(fields)
        for name in known:
            parts = name.split(".")
            if not all(parts):
                raise self.refusal(
                    f"mapping.{name} has an empty part between its dots."
                )
            for length in range(1, len(parts)):
                parent = ".".join(parts[:length])
                if parent in known:
                    raise self.refusal(
                        f"mapping.{name} lies inside mapping.{parent}, which is a value "
                        "of its own. Keep one of the two."
                    )

    def _field(self, name: str, source: Json) -> FieldMapping:
        where = f"mapping.{name}"
        if isinstance(source, str):
            self.check_column(source, where)
            return FieldMapping(name, column=source)
        if not isinstance(source, dict):
            raise self.refusal(
                f"{where} is neither the name of a column nor a map with one of from, "
                "constant and template."
            )
        self.check_names(source, f"setting under {where}", FIELD_SETTINGS)
        given = [each for each in ("from", "constant", "template") if each in source]
        if len(given) != 1:
            raise self.refusal(
                f"{where} has {len(given)} of from, constant and template. Give one."
            )
        column, constant, template = None, None, None
        if given == ["from"]:
            column = self._source_column(source, where)
        elif given == ["template"]:
            template = self._template(source["template"], where)
        else:
            value = source["constant"]
            if value is not None and not isinstance(value, str | int | float | bool):
                raise self.refusal(f"{where}.constant is text, a number or a flag.")
            constant = value
        return FieldMapping(
            name,
            column=column,
            constant=constant,
            template=template,
            nulls=self._sub_choice(source, "nulls", where, Nulls) or Nulls.IGNORE,
            cast=self._sub_choice(source, "as", where, Cast),
            normaliser=self._normaliser(source, where),
            is_hashed=self._flag(source, "hashed", where),
            is_first_write_only=self._flag(source, "first_write_only", where),
        )

    def match(self) -> tuple[MatchMapping, ...]:
        value = self._settings.get("match", {})
        if not isinstance(value, dict):
            raise self.refusal("'match' is a map of the destination's identifiers.")
        matches = []
        for identifier, source in value.items():
            where = f"match.{identifier}"
            if isinstance(source, str):
                source = {"from": source}  # noqa: PLW2901  the short form of the same
            if not isinstance(source, dict):
                raise self.refusal(f"{where} is neither a column nor a map with from.")
            self.check_names(source, f"setting under {where}", MATCH_SETTINGS)
            matches.append(
                MatchMapping(
                    identifier,
                    self._source_column(source, where),
                    normaliser=self._normaliser(source, where),
                    is_hashed=self._flag(source, "hashed", where),
                )
            )
        return tuple(matches)

    def associations(self) -> tuple[Association, ...]:
        value = self._settings.get("associations", {})
        if not isinstance(value, dict):
            raise self.refusal("'associations' is a map of names to columns.")
        found = []
        for name, column in value.items():
            if not isinstance(column, str):
                raise self.refusal(f"associations.{name} is not a column's name.")
            self.check_column(column, f"associations.{name}")
            found.append(Association(name, column))
        return tuple(found)

    def _source_column(self, source: Mapping[str, Json], where: str) -> str:
        column = source.get("from")
        if not isinstance(column, str):
            raise self.refusal(f"{where}.from is not a column's name.")
        self.check_column(column, where)
        return column

    def _template(self, value: Json, where: str) -> str:
        try:
            parts = template_parts(value) if isinstance(value, str) else ()
        except ValueError:
            parts = ()
        names = [name for _, name in parts if name is not None]
        if not isinstance(value, str) or not names:
            raise self.refusal(
                f"{where}.template is text with at least one {{column}} in it; {{{{ and "
                "}} stand for braces."
            )
        for name in names:
            self.check_column(name, where)
        return value

    def _normaliser(self, source: Mapping[str, Json], where: str) -> str | None:
        value = source.get("hash")
        if value is None:
            if source.get("hashed"):
                raise self.refusal(
                    f"{where}.hashed needs hash: which normaliser the hashes are from."
                )
            return None
        known = tuple(NORMALISERS)
        if not isinstance(value, str) or value not in known:
            raise self.refusal(
                f"{where}.hash '{value}' is no normaliser."
                f"{_nearest(str(value), known)} There are: {', '.join(known)}."
            )
        return value

    def _flag(self, source: Mapping[str, Json], name: str, where: str) -> bool:
        value = source.get(name, False)
        if not isinstance(value, bool):
            raise self.refusal(f"{where}.{name} is true or false.")
        return value

    def _sub_choice(
        self,
        source: Mapping[str, Json],
        name: str,
        where: str,
        choices: type[_Choice],
    ) -> _Choice | None:
        value = source.get(name)
        if value is None:
            return None
        supported = tuple(str(each) for each in choices)
        if value not in supported:
            raise self.refusal(
                f"{where}.{name} '{value}' is not one.{_nearest(str(value), supported)} "
                f"There are: {', '.join(supported)}."
            )
        return choices(str(value))

    def _model(self, manifest: Manifest) -> Model:
        depends_on = self._exposure.depends_on
        if len(depends_on) != 1 or not depends_on[0].startswith("model."):
            raise self.refusal(
                f"it depends on {len(depends_on)} nodes ({', '.join(depends_on)}). "
                "depends_on is exactly one ref() to the sync_ model that it sends."
            )
        return manifest.model_by_id(depends_on[0])

    def purpose(self, sent: set[str]) -> str | None:
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
            self.check_column(CUSTOMER_COLUMN, "purpose")
            return purpose
        if is_personal:
            raise self.refusal(
                "`purpose: none` is only for rows that are nobody's personal data. Name "
                "a purpose, or add `personal_data: false`."
            )
        personal = [
            f"{name} ({column.pii})"
            for name, column in self.model.columns.items()
            if name in sent and column.pii not in (None, "none")
        ]
        if personal:
            raise self.refusal(
                f"`personal_data: false`, yet {self.model.name} marks as personal: "
                f"{', '.join(personal)}. Take them out, or name a purpose."
            )
        return None

    def guards(self) -> Guards:
        value = self._settings.get("guards", {})
        if not isinstance(value, dict):
            raise self.refusal("'guards' is a map of limits.")
        self.check_names(value, "guard", GUARD_SETTINGS)
        allow_empty = value.get("allow_empty", _DEFAULT_GUARDS.allow_empty)
        if not isinstance(allow_empty, bool):
            raise self.refusal("guards.allow_empty is true or false.")
        rows = value.get("min_held_rows", _DEFAULT_GUARDS.min_held_rows)
        if isinstance(rows, bool) or not isinstance(rows, int) or rows < 0:
            raise self.refusal("guards.min_held_rows is a number of rows.")
        return Guards(
            max_remove_rate=self._rate(
                value, "max_remove_rate", _DEFAULT_GUARDS.max_remove_rate
            ),
            max_change_rate=self._rate(
                value, "max_change_rate", _DEFAULT_GUARDS.max_change_rate
            ),
            max_growth_rate=self._rate(
                value, "max_growth_rate", _DEFAULT_GUARDS.max_growth_rate, most=math.inf
            ),
            max_consent_drop=self._rate(
                value, "max_consent_drop", _DEFAULT_GUARDS.max_consent_drop
            ),
            min_held_rows=rows,
            allow_empty=allow_empty,
        )

    def _rate(
        self,
        guards: Mapping[str, Json],
        name: str,
        default: float,
        *,
        most: float = 1.0,
    ) -> float:
        value = guards.get(name, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or math.isnan(value)
            or not 0 <= value <= most
        ):
            raise self.refusal(
                f"guards.{name} is a share between 0 and 1."
                if most == 1
                else f"guards.{name} is a share, 0 or more."
            )
        return float(value)


def _nearest(name: str, known: tuple[str, ...]) -> str:
    matches = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean '{matches[0]}'?" if matches else ""

"""Audiences of a company whose raw tables change from run to run, and a slow, obvious account of who was in them.

The account is kept in Python from nothing but what each run says: who is in an audience now, and which
conditions hold. Not here: what has to be equal (tests/integration/audiences).
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import duckdb
import yaml

from audiences.project import compile_audiences
from tests.core_history import PROJECT_PARTS, REPO, STAGES, CoreHistory, open_history

ALL_STAGES = (*STAGES, "path:models/audiences")
EVALUATION = (
    *STAGES,
    "path:models/audiences,int_audiences__*_conditions",
    "path:models/audiences/audience_*",
)
"""Everything up to the members, without what records them."""

_CONDITION = re.compile(r"\bconditions\.(?!(?:customer|account|household)_id\b)(\w+)")
_ENTITY = re.compile(r"int_audiences__(\w+)_conditions")
_COPIED = ("models", "macros")
# What refers to audiences of the demo company, or is about them.
_LEFT_OUT = ("models/activation", "models/audiences/_audiences__unit_tests.yml")

Flags = Mapping[str, frozenset[str]]
"""Conditions that hold, by customer."""

Members = Mapping[str, str | None]
"""The split group of each member."""


@dataclass(frozen=True)
class Spell:
    """A row of audience_memberships, but for what a later run may rename."""

    audience: str
    member: str
    group: str | None
    entered_version: str
    version: str
    entered_because: str
    exited_because: str | None
    entered_at: datetime
    exited_at: datetime | None


@dataclass(frozen=True)
class Evaluation:
    """What a run found.

    Attributes:
        at: What it took for now.
        members: Of each audience.
        versions: Of each audience's definition.
        conditions: That each audience is made of.
        entities: What the members of each audience are.
        flags: Conditions that hold, by member; everybody there is has an entry.
        merged: Former ids of customers who bear another one now.
    """

    at: datetime
    entities: Mapping[str, str]
    members: Mapping[str, Members]
    versions: Mapping[str, str]
    conditions: Mapping[str, frozenset[str]]
    flags: Flags
    merged: frozenset[str]

    @property
    def asked(self) -> frozenset[str]:
        """Every condition of any audience."""
        return frozenset().union(*self.conditions.values())


@dataclass
class Account:
    """What the memberships should say, kept by hand.

    Attributes:
        weekly: Audiences that are worked out once a week.
        times: From when and until when audiences have members, of those that do not always.
        spells: What it comes to.
        before: What the last run found.
        evaluated: What the run found that worked each audience out last.
        is_everything_due: Whether a run that recorded nothing has replaced the members since.
    """

    weekly: frozenset[str] = frozenset()
    times: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)
    spells: list[Spell] = field(default_factory=list)
    before: Evaluation | None = None
    evaluated: dict[str, Evaluation] = field(default_factory=dict)
    is_everything_due: bool = False

    def take_down(self, found: Evaluation) -> None:
        """Go on from the evaluation before."""
        for audience in found.versions:
            if not self._is_due(audience, found):
                assert (
                    found.members[audience].items() <= self._present(audience).items()
                )
        self.spells = [
            self._gone_on(spell, found) if spell.exited_at is None else spell
            for spell in self.spells
        ]
        present = {
            (spell.audience, spell.member)
            for spell in self.spells
            if spell.exited_at is None
        }
        self.spells += [
            self._entered(audience, member, found)
            for audience, groups in found.members.items()
            for member in groups
            if (audience, member) not in present
        ]
        self.before = found
        self.evaluated = {
            audience: found
            if self._is_due(audience, found)
            else self.evaluated[audience]
            for audience in found.versions
        }
        self.is_everything_due = False

    def _is_due(self, audience: str, found: Evaluation) -> bool:
        last = self.evaluated.get(audience)
        return (
            last is None
            or self.is_everything_due
            or audience not in self.weekly
            or last.versions[audience] != found.versions[audience]
            or last.at.isocalendar()[:2] != found.at.isocalendar()[:2]
        )

    def _is_in_its_time(self, audience: str, at: datetime) -> bool:
        if audience not in self.times:
            return True
        start, end = self.times[audience]
        return start <= at < end

    def _present(self, audience: str) -> dict[str, str | None]:
        return {
            spell.member: spell.group
            for spell in self.spells
            if spell.audience == audience and spell.exited_at is None
        }

    def _gone_on(self, spell: Spell, found: Evaluation) -> Spell:
        groups = found.members.get(spell.audience, {})
        if spell.member in groups and groups[spell.member] == spell.group:
            return replace(spell, version=found.versions[spell.audience])
        return replace(
            spell, exited_at=found.at, exited_because=self._exited_because(spell, found)
        )

    def _exited_because(self, spell: Spell, found: Evaluation) -> str:
        if spell.audience not in found.versions:
            return "audience removed"
        if not self._is_in_its_time(spell.audience, found.at):
            return "ended"
        if spell.member in found.merged and spell.member not in found.flags:
            return "customer merged"
        if spell.member not in found.flags:
            return f"{found.entities[spell.audience]} gone"
        if spell.member in found.members[spell.audience]:
            return "split group changed"
        return self._flips(spell.audience, spell.member, found)

    def _entered(self, audience: str, member: str, found: Evaluation) -> Spell:
        version = found.versions[audience]
        return Spell(
            audience=audience,
            member=member,
            group=found.members[audience][member],
            entered_version=version,
            version=version,
            entered_because=self._entered_because(audience, member, found),
            exited_because=None,
            entered_at=found.at,
            exited_at=None,
        )

    def _entered_because(self, audience: str, member: str, found: Evaluation) -> str:
        was_there = any(
            (spell.audience, spell.member, spell.exited_at)
            == (audience, member, found.at)
            for spell in self.spells
        )
        if was_there:
            return "split group changed"
        if self.before is None or audience not in self.before.versions:
            was_there = any(spell.audience == audience for spell in self.spells)
            return "started" if was_there else "first run"
        if not self._is_in_its_time(audience, self.before.at):
            return "started"
        return self._flips(audience, member, found)

    def _flips(self, audience: str, member: str, found: Evaluation) -> str:
        last = self.evaluated[audience]
        flags, before = found.flags[member], last.flags.get(member)
        if before is None:
            flips = [f"new {found.entities[audience]}"]
        else:
            flips = [
                name if name in flags else f"not {name}"
                for name in sorted(found.conditions[audience])
                # A condition that nobody asked of anybody before flipped for nobody.
                if name in last.asked and (name in flags) != (name in before)
            ]
        if found.versions[audience] != last.versions[audience]:
            flips.insert(0, "definition changed")
        return ", ".join(flips) or "no condition flipped"


class AudienceHistory:
    """A company, the audiences of a project of its own, and what is in its warehouse."""

    def __init__(self, company: CoreHistory) -> None:
        self.company = company

    def define(self, definitions: Mapping[str, str]) -> None:
        """Make these the audiences: text of the conditions and other settings, by name."""
        define(self.company.project, definitions)

    def evaluation(self, at: datetime) -> Evaluation:
        """What the last run found."""
        conditions = self._conditions()
        return Evaluation(
            at=at,
            members={name: self._members(name) for name in conditions},
            versions={name: self._version(name) for name in conditions},
            conditions=conditions,
            entities={name: self._entity(name) for name in conditions},
            flags=self.flags(),
            merged=frozenset(
                name
                for (name,) in self.rows(
                    "select customer_id from identity.identity_customer_ids "
                    "where status = 'merged'"
                )
            ),
        )

    def spells(self) -> list[Spell]:
        """What the memberships do say."""
        return [
            Spell(*row)
            for row in self.rows(
                "select audience_name, member_id, split_group, entered_version, definition_version, "
                "entered_because, exited_because, entered_at, exited_at "
                "from audiences.audience_memberships"
            )
        ]

    def members_at(self, instant: datetime) -> set[tuple[str, str]]:
        """Who was in which audience, as recorded."""
        return {
            (spell.audience, spell.member)
            for spell in self.spells()
            if spell.entered_at <= instant
            and (spell.exited_at is None or spell.exited_at > instant)
        }

    def evaluated(self) -> set[tuple[str, str]]:
        """Who is in which audience by the models of the audiences."""
        return {
            (name, member)
            for name in self._conditions()
            for member in self._members(name)
        }

    def flags(self) -> Flags:
        """The conditions of everybody that an audience may be about."""
        flags: dict[str, frozenset[str]] = {}
        for entity in {self._entity(name) for name in self._conditions()}:
            table = f"int_audiences__{entity}_conditions"
            names = self._columns(table)
            for row in self.rows(f"select * from audiences.{table}"):
                flags[str(row[names.index(f"{entity}_id")])] = frozenset(
                    name
                    for name, value in zip(names, row, strict=True)
                    if value is True
                )
        return flags

    def rows(self, query: str) -> list[tuple]:  # type: ignore[type-arg]
        with duckdb.connect(str(self.company.warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def _members(self, name: str) -> Members:
        rows = self.rows(
            f"select {self._entity(name)}_id, split_group, definition_version "
            f"from audiences.audience_{name}"
        )
        assert {version for _, _, version in rows} <= {self._version(name)}
        return {member: group for member, group, _ in rows}

    def _version(self, name: str) -> str:
        text = self._compiled(f"audience_{name}.sql")
        return text.rsplit("' as definition_version", 1)[0].rsplit("'", 1)[1]

    def _entity(self, name: str) -> str:
        found = _ENTITY.search(self._compiled(f"audience_{name}.sql"))
        assert found
        return found[1]

    def _conditions(self) -> dict[str, frozenset[str]]:
        folder = self.company.project / "models/audiences"
        return {
            path.stem.removeprefix("audience_"): frozenset(
                _CONDITION.findall(path.read_text())
            )
            for path in folder.glob("audience_*.sql")
        }

    def _columns(self, table: str) -> list[str]:
        return [
            name
            for (name,) in self.rows(
                f"select column_name from (describe audiences.{table})"
            )
        ]

    def _compiled(self, name: str) -> str:
        return (self.company.project / "models/audiences" / name).read_text()


@contextmanager
def open_audiences(
    folder: Path, definitions: Mapping[str, str], *, people: int, seed: int
) -> Iterator[AudienceHistory]:
    """A company with empty raw tables, and these audiences."""

    def make_project(project: Path) -> None:
        for part in PROJECT_PARTS:
            if part in _COPIED:
                shutil.copytree(REPO / part, project / part)
            else:
                (project / part).symlink_to(REPO / part)
        for part in _LEFT_OUT:
            path = project / part
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        define(project, definitions)

    with open_history(
        folder, people=people, seed=seed, stages=ALL_STAGES, make_project=make_project
    ) as company:
        company.seed()
        yield AudienceHistory(company)


def define(project: Path, definitions: Mapping[str, str]) -> None:
    """Write definitions in place of those that are there, and compile them."""
    folder = project / "audiences/definitions"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(REPO / "audiences/relations.yml", folder.parent)
    for name, text in definitions.items():
        settings = {
            "name": name,
            "description": "Of a test.",
            "owner": {"name": "Test", "email": "test@nordvik.example"},
            "purpose": "ads",
            "entity": "customer",
            **yaml.safe_load(text),
        }
        (folder / f"{name}.yml").write_text(yaml.safe_dump(settings, sort_keys=False))
    compile_audiences(project)

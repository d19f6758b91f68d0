"""What the contract suite sends to each destination: objects, steps, records.

Most of it follows from a destination's capabilities. `CASES` says what does not: which
identifiers people are given, which fields the tool knows, where members come from. A new
destination whose tool takes any field needs no line here.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from demo.destination_simulator.answers import Json
from demo.destination_simulator.vendors import load_vendors
from reverse_etl.destinations.protocol import Capabilities, Record
from reverse_etl.destinations.registry import DESTINATIONS
from reverse_etl.modes import REMOVAL_ACTIONS, Action, Op, write_action

WITHOUT_TOOL = frozenset({"files", "postgres", "s3", "sftp"})
"""No HTTP tool: proven on folders and real servers, by tests of their own."""

_TAKES_AWAY = frozenset({Action.REMOVE, Action.DELETE, Action.ARCHIVE, Action.ERASE})


@dataclass(frozen=True)
class Case:
    """What one object of a destination is tried with.

    Attributes:
        object_name: In place of "*".
        match: Identifiers that records have; None for those that capabilities ask for.
        hashes: Identifiers that go hashed.
        fields: Fields of a record beside the text; {number} is the record's.
        text_field: A field that takes any text, with dots where it is nested; None when
            there is none.
        settings: Of the sync.
        base: Object whose records are there before this one's can be.
        leaves_traces: Actions after which the tool still knows of the record, by its own
            design.
        incidental: Collections that are a trace of deliveries and not what is held.
        vague: Steps whose answers count what was there, so that fewer are no mistake.
    """

    object_name: str = "contacts"
    match: tuple[str, ...] | None = None
    hashes: frozenset[str] = frozenset()
    fields: Mapping[str, Json] = field(default_factory=dict)
    text_field: str | None = "first_name"
    settings: Mapping[str, str] = field(default_factory=dict)
    base: str | None = None
    leaves_traces: frozenset[Action] = frozenset()
    vague: frozenset[str] = frozenset()
    incidental: frozenset[str] = frozenset()


_HASHED = frozenset({"email", "phone"})

CASES: Mapping[tuple[str, str], Case] = {
    ("braze", "users"): Case(vague=frozenset({"delete", "erase"})),
    ("braze", "events"): Case(
        fields={"time": "2026-06-30T12:00:00Z"},
        text_field="properties.note",
        settings={"event_name": "ordered"},
    ),
    ("customerio", "people"): Case(match=("id",)),
    ("customerio", "events"): Case(
        match=("id",),
        text_field="attributes.note",
        settings={"event_name": "ordered"},
    ),
    ("customerio", "segments"): Case(
        match=("id",), text_field=None, settings={"segment_id": "7"}
    ),
    ("google_data_manager", "audience_members"): Case(
        match=("email", "phone"),
        hashes=_HASHED,
        text_field=None,
        settings={"audience_id": "77", "terms_of_service": "accepted"},
    ),
    ("google_data_manager", "audience_devices"): Case(
        text_field=None,
        settings={"audience_id": "77", "terms_of_service": "accepted"},
    ),
    ("hubspot", "contacts"): Case(match=("email",), text_field="firstname"),
    ("hubspot", "lists"): Case(
        match=("email",),
        text_field=None,
        settings={"list_id": "7"},
        base="contacts",
        vague=frozenset({"add", "remove"}),
    ),
    ("hubspot", "*"): Case(
        object_name="deals", match=("deal_key",), text_field="dealname"
    ),
    ("intercom", "contacts"): Case(text_field="custom_attributes.nickname"),
    ("intercom", "companies"): Case(text_field="custom_attributes.nickname"),
    ("intercom", "contact_tags"): Case(
        text_field=None, settings={"tag_id": "5"}, base="contacts"
    ),
    ("iterable", "list_members"): Case(
        text_field=None, settings={"list_id": "12"}, base="users"
    ),
    ("iterable", "events"): Case(
        text_field="note", settings={"event_name": "ordered"}, base="users"
    ),
    ("klaviyo", "lists"): Case(
        text_field=None, settings={"list_id": "L1"}, base="profiles"
    ),
    ("linkedin", "audience_members"): Case(
        match=("email",),
        hashes=_HASHED,
        text_field=None,
        settings={"segment_id": "5"},
    ),
    ("mailchimp", "members"): Case(
        text_field="merge_fields.FNAME", settings={"list_id": "abc"}
    ),
    ("marketo", "leads"): Case(match=("email",), text_field="firstName"),
    ("marketo", "list_members"): Case(
        match=("email",), text_field=None, settings={"list_id": "7"}, base="leads"
    ),
    ("meta", "audience_members"): Case(
        match=("email", "phone"),
        hashes=_HASHED,
        text_field=None,
        settings={"audience_id": "77"},
    ),
    ("salesforce", "*"): Case(
        object_name="Contact",
        match=("Person_Key__c",),
        fields={"LastName": "Lovelace"},
        text_field="FirstName",
        leaves_traces=frozenset({Action.DELETE}),
        incidental=frozenset({"files"}),
    ),
    ("slack", "digest"): Case(
        text_field=None, settings={"channel": "C1", "row": "{key}"}
    ),
    ("slack", "messages"): Case(text_field="text", settings={"channel": "C1"}),
    ("tiktok", "audience_members"): Case(
        match=("email",),
        hashes=_HASHED,
        text_field=None,
        settings={"audience_id": "77"},
    ),
    ("tiktok", "audience_files"): Case(
        match=("email",),
        hashes=_HASHED,
        text_field=None,
        settings={"audience_id": "77", "id_type": "email"},
        incidental=frozenset({"audiences", "files"}),
    ),
    ("zendesk", "users"): Case(
        fields={"name": "Ada Lovelace"},
        text_field="user_fields.nickname",
        leaves_traces=frozenset({Action.DELETE}),
    ),
    ("zendesk", "organizations"): Case(
        fields={"name": "Engines No. {number}"}, text_field="notes"
    ),
}
_DEFAULT = Case()


class Subject(NamedTuple):
    """One object of a destination."""

    destination: str
    object: str

    @property
    def name(self) -> str:
        return f"{self.destination}-{self.object.replace('*', 'any')}"

    @property
    def case(self) -> Case:
        return CASES.get((self.destination, self.object), _DEFAULT)

    @property
    def object_name(self) -> str:
        return self.case.object_name if self.object == "*" else self.object

    @property
    def capabilities(self) -> Capabilities:
        return DESTINATIONS[self.destination].objects[self.object]

    @property
    def base(self) -> "Subject | None":
        base = self.case.base
        return None if base is None else Subject(self.destination, base)


class Step(NamedTuple):
    """One thing that an object can do: an action, and what becomes of the records."""

    name: str
    action: Action
    op: Op

    @property
    def takes_away(self) -> bool:
        """Whether the record is to leave, so that one that is not there is fine."""
        return self.action in _TAKES_AWAY or self.op is Op.REMOVE

    @property
    def needs_record(self) -> bool:
        """Whether the record should be there before."""
        return self.takes_away or self.action is Action.UPDATE


def subjects() -> Iterator[Subject]:
    """Every object of every destination that has a simulated tool."""
    tools = load_vendors()
    for name in DESTINATIONS:
        if name in tools:
            for object_name in DESTINATIONS[name].objects:
                yield Subject(name, object_name)


def steps(capabilities: Capabilities) -> tuple[Step, ...]:
    """Everything that capabilities promise to do."""
    if capabilities.max_batch_rows is None:
        return (Step("run", Action.RUN, Op.ADD),)
    actions = {
        write_action(mode, is_membership=capabilities.is_membership)
        for mode in capabilities.modes
    }
    found = {
        action: Step(
            action.value, action, Op.REMOVE if action in _TAKES_AWAY else Op.CHANGE
        )
        for action in actions
    }
    for removal in capabilities.removals:
        action = REMOVAL_ACTIONS[removal]
        name = removal.value
        found.setdefault(action, Step(name, action, Op.REMOVE))
    if capabilities.can_erase:
        found[Action.ERASE] = Step("erase", Action.ERASE, Op.REMOVE)
    result = [found[action] for action in Action if action in found]
    if any(removal.value == "clear" for removal in capabilities.removals):
        result.append(Step("clear", Action.UPDATE, Op.REMOVE))
    return tuple(result)


def representatives(capabilities: Capabilities) -> tuple[Step, ...]:
    """One step that writes, one that takes away, and the erasure."""
    every = steps(capabilities)
    writes = [step for step in every if not step.takes_away]
    removals = [step for step in every if step.takes_away]
    erasures = [step for step in every if step.action is Action.ERASE]
    return (*writes[:1], *removals[:1], *erasures)


def first_write(capabilities: Capabilities) -> Step | None:
    """The step that puts a record there; None where that is another object's."""
    by_action = {
        step.action: step for step in steps(capabilities) if not step.takes_away
    }
    for action in (Action.UPSERT, Action.ADD, Action.CREATE):
        if action in by_action:
            return by_action[action]
    return None


def identifier(name: str, number: int, *, is_hashed: bool) -> str:
    """An identifier of a made-up person, in the form that tools want it in."""
    if "email" in name:
        text = f"person{number}@example.com"
    elif "phone" in name:
        text = f"+4790000{number:03}"
    elif name in ("device_id", "idfa", "aaid"):
        text = f"00000000-0000-4000-8000-{number:012}"
    else:
        text = f"id-{number}"
    return hashlib.sha256(text.encode()).hexdigest() if is_hashed else text


def marker(subject: Subject, number: int) -> str:
    """A text of a record by which it is found in what a tool holds."""
    return next(iter(matched(subject, number).values()))


def matched(subject: Subject, number: int) -> dict[str, str]:
    """A record's identifiers."""
    case, capabilities = subject.case, subject.capabilities
    names = case.match
    if names is None and capabilities.requires_all_match_fields:
        names = capabilities.match_fields
    return {
        name: identifier(name, number, is_hashed=name in case.hashes)
        for name in names or capabilities.match_fields[:1] or ("id",)
    }


def text_of(number: int, version: int = 1) -> str:
    return f"Text {version} of {number}"


def record(
    subject: Subject,
    number: int,
    step: Step,
    *,
    text: str | None = None,
    dest_id: str | None = None,
) -> Record:
    """A record of a made-up person, as the mapping would hand it over."""
    case = subject.case
    fields: dict[str, Json] = {}
    if step.name == "clear" and case.text_field is not None:
        fields = nested(case.text_field, None)
    elif not step.takes_away:
        fields = {
            name: value.format(number=number) if isinstance(value, str) else value
            for name, value in case.fields.items()
        }
        if case.text_field is not None:
            fields |= nested(case.text_field, text or text_of(number))
    return Record(
        op=step.op,
        key=f"key-{number}",
        match=matched(subject, number),
        fields=fields,
        event_id=f"event-{number}",
        dest_id=dest_id,
    )


def nested(path: str, value: Json) -> dict[str, Json]:
    for name in reversed(path.split(".")):
        value = {name: value}
    assert isinstance(value, dict)
    return value

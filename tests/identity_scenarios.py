"""Stories of identity graphs, as data: what arrives in an initial load and three increments, and what the tables then say.

Identifiers are written `kind:value`. A customer is written as its identifiers, the one it is named after
first: in brackets when it is no member any more, and with `~` before an identifier that is attached to the
customer but merges nobody. Values a, b, c sort in the order in which they are first seen, unless the story
says otherwise. All expected values are written by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.identity_world import Row, Rule, Source

KINDS = {
    "user": "user_id",
    "loyalty": "loyalty_id",
    "email": "email",
    "phone": "phone",
    "device": "device_id",
    "cookie": "cookie",
    "ip": "ip_hash",
    "company": "company_number",
    "domain": "company_domain",
}


def identifier(text: str) -> tuple[str, str]:
    """`email:ada` as type and value."""
    kind, _, value = text.partition(":")
    return KINDS[kind], value


# --- what can happen to a source ---


@dataclass(frozen=True)
class Seen:
    """A row is new, or says something else than before."""

    row: Row

    def happen(self, source: Source) -> None:
        source.rows[self.row.key] = self.row


@dataclass(frozen=True)
class Gone:
    """Rows are hard-deleted."""

    keys: tuple[str, ...]

    def happen(self, source: Source) -> None:
        for key in self.keys:
            del source.rows[key]


@dataclass(frozen=True)
class Ruled:
    """A rule is written."""

    rule: Rule

    def happen(self, source: Source) -> None:
        source.rules.append(self.rule)


@dataclass(frozen=True)
class Lifted:
    """A rule is taken back."""

    rule: Rule

    def happen(self, source: Source) -> None:
        source.rules.remove(self.rule)


Change = Seen | Gone | Ruled | Lifted


def seen(
    key: str, day: float | None, identifiers: str, *, deleted: bool = False
) -> Seen:
    """A row `key` of that day names the identifiers; user and cookie may come twice."""
    named: dict[str, str] = {}
    for text in identifiers.split():
        kind, value = identifier(text)
        named[f"other_{kind}" if kind in named else kind] = value
    return Seen(Row(key, day, tuple(named.items()), is_deleted=deleted))


def gone(*keys: str) -> Gone:
    return Gone(keys)


def block(text: str) -> Rule:
    return Rule("block", identifier(text))


def link(left: str, right: str, *, by_command: bool = False) -> Rule:
    return Rule("link", identifier(left), identifier(right), is_by_command=by_command)


def never_link(left: str, right: str, *, by_command: bool = False) -> Rule:
    return Rule(
        "never_link", identifier(left), identifier(right), is_by_command=by_command
    )


# --- the stories ---


@dataclass(frozen=True)
class Step:
    """One run: what happened since the last one, and what the tables must say after it.

    Attributes:
        customers: All customers, in the notation above. None: as after the step before.
        merges: `from -> into: identifiers moved, cause`, customers by the identifier they are named after.
        splits: The same.
        suppressed: `left right: rule` for every row of identity_suppressed_edges.
            None: as after the step before.
        accounts: Entities of the kind account, written like customers. None: as before.
    """

    changes: Sequence[Change] = ()
    customers: Sequence[str] | None = None
    merges: Sequence[str] = ()
    splits: Sequence[str] = ()
    suppressed: Sequence[str] | None = None
    accounts: Sequence[str] | None = None


@dataclass(frozen=True)
class Scenario:
    """A story of one initial load and its increments."""

    name: str
    steps: tuple[Step, ...]

    @property
    def case(self) -> str:
        return self.name.replace(" ", "-").replace(",", "")


NOTHING = Step()

SHAPES = (
    Scenario(
        "simple",
        (
            Step([seen("r1", 1, "email:a device:b")], ["email:a device:b"]),
            Step([seen("r2", 11, "email:a device:b")]),
            Step([seen("r3", 21, "email:a cookie:c")], ["email:a device:b cookie:c"]),
            Step(
                [seen("r4", 31, "user:d email:a")], ["email:a device:b cookie:c user:d"]
            ),
        ),
    ),
    Scenario(
        "chain",
        (
            Step([seen("r1", 1, "cookie:a cookie:b")], ["cookie:a cookie:b"]),
            Step([seen("r2", 11, "cookie:b cookie:c")], ["cookie:a cookie:b cookie:c"]),
            Step(
                [seen("r3", 21, "cookie:c cookie:d")],
                ["cookie:a cookie:b cookie:c cookie:d"],
            ),
            Step(
                [seen("r4", 31, "cookie:d cookie:e")],
                ["cookie:a cookie:b cookie:c cookie:d cookie:e"],
            ),
        ),
    ),
    Scenario(
        "fan-in",
        (
            Step(
                [
                    seen("r1", 1, "cookie:a"),
                    seen("r2", 2, "cookie:b"),
                    seen("r3", 3, "cookie:c"),
                ],
                ["cookie:a", "cookie:b", "cookie:c"],
            ),
            Step(
                [seen("r4", 11, "email:d cookie:b")],
                ["cookie:a", "cookie:b email:d", "cookie:c"],
            ),
            Step(
                [seen("r5", 21, "email:d cookie:c")],
                ["cookie:a", "cookie:b email:d cookie:c"],
                merges=["cookie:c -> cookie:b: 1, record r5"],
            ),
            Step(
                [seen("r6", 31, "email:d cookie:a")],
                ["cookie:a cookie:b cookie:c email:d"],
                merges=["cookie:b -> cookie:a: 3, record r6"],
            ),
        ),
    ),
    Scenario(
        "fan-out",
        (
            Step([seen("r1", 1, "user:a email:b")], ["user:a email:b"]),
            Step(
                [seen("r2", 11, "user:a email:c"), seen("r3", 12, "user:a device:d")],
                ["user:a email:b email:c device:d"],
            ),
            Step(
                [seen("r4", 21, "user:a device:e"), seen("r5", 22, "user:a cookie:f")],
                ["user:a email:b email:c device:d device:e cookie:f"],
            ),
            Step(
                [seen("r6", 31, "user:a email:g phone:h")],
                ["user:a email:b email:c device:d device:e cookie:f email:g phone:h"],
            ),
        ),
    ),
    Scenario(
        "diamond",
        (
            Step([seen("r1", 1, "cookie:a cookie:b")], ["cookie:a cookie:b"]),
            Step([seen("r2", 11, "cookie:a cookie:c")], ["cookie:a cookie:b cookie:c"]),
            Step(
                [
                    seen("r3", 21, "cookie:b cookie:d"),
                    seen("r4", 22, "cookie:c cookie:d"),
                ],
                ["cookie:a cookie:b cookie:c cookie:d"],
            ),
            # The other way round the diamond still holds.
            Step([gone("r3")]),
        ),
    ),
    Scenario(
        "disjoint",
        (
            Step(
                [seen("r1", 1, "email:a cookie:b"), seen("r2", 2, "email:c cookie:d")],
                ["email:a cookie:b", "email:c cookie:d"],
            ),
            Step(
                [seen("r3", 11, "email:e cookie:f")],
                ["email:a cookie:b", "email:c cookie:d", "email:e cookie:f"],
            ),
            Step(
                [
                    seen("r4", 21, "email:a cookie:g"),
                    seen("r5", 22, "email:c cookie:h"),
                ],
                [
                    "email:a cookie:b cookie:g",
                    "email:c cookie:d cookie:h",
                    "email:e cookie:f",
                ],
            ),
            Step(
                [seen("r6", 31, "phone:i")],
                [
                    "email:a cookie:b cookie:g",
                    "email:c cookie:d cookie:h",
                    "email:e cookie:f",
                    "phone:i",
                ],
            ),
        ),
    ),
    Scenario(
        "long chain",
        (
            Step(
                [
                    *(
                        seen(f"r{i}", i, f"cookie:{i:03} cookie:{i + 1:03}")
                        for i in range(30)
                    ),
                    *(
                        seen(f"r{i}", i, f"cookie:{i:03} cookie:{i + 1:03}")
                        for i in range(40, 70)
                    ),
                ],
                [
                    " ".join(f"cookie:{i:03}" for i in range(31)),
                    " ".join(f"cookie:{i:03}" for i in range(40, 71)),
                ],
            ),
            Step(
                [
                    seen(f"r{i}", i, f"cookie:{i:03} cookie:{i + 1:03}")
                    for i in range(30, 40)
                ],
                [" ".join(f"cookie:{i:03}" for i in range(71))],
                merges=["cookie:040 -> cookie:000: 31, record r39"],
            ),
            # The middle link breaks; the newer half gets its own name back.
            Step(
                [gone("r35")],
                [
                    " ".join(f"cookie:{i:03}" for i in range(36)),
                    "cookie:040 "
                    + " ".join(f"cookie:{i:03}" for i in range(36, 71) if i != 40),
                ],
                splits=["cookie:000 -> cookie:040: 35, source_row_gone"],
            ),
            Step(
                [seen("again", 80, "cookie:000 cookie:070")],
                [" ".join(f"cookie:{i:03}" for i in range(71))],
                merges=["cookie:040 -> cookie:000: 35, record again"],
            ),
        ),
    ),
    Scenario(
        "alternating",
        (
            Step(
                [
                    seen("r1", 1, "cookie:a cookie:z"),
                    seen("r2", 2, "cookie:z cookie:b"),
                    seen("r3", 3, "cookie:b cookie:y"),
                ],
                ["cookie:a cookie:b cookie:y cookie:z"],
            ),
            Step(
                [
                    seen("r4", 11, "cookie:y cookie:c"),
                    seen("r5", 12, "cookie:c cookie:x"),
                ],
                ["cookie:a cookie:b cookie:c cookie:x cookie:y cookie:z"],
            ),
            Step(
                [seen("r6", 21, "cookie:d cookie:w")],
                [
                    "cookie:a cookie:b cookie:c cookie:x cookie:y cookie:z",
                    "cookie:d cookie:w",
                ],
            ),
            Step(
                [seen("r7", 31, "cookie:x cookie:d")],
                [
                    "cookie:a cookie:b cookie:c cookie:d cookie:w cookie:x cookie:y cookie:z"
                ],
                merges=["cookie:d -> cookie:a: 2, record r7"],
            ),
        ),
    ),
    Scenario(
        "merge only",
        (
            Step(
                [
                    seen(f"r{i}", i, f"cookie:{name}")
                    for i, name in enumerate("abcd", 1)
                ],
                ["cookie:a", "cookie:b", "cookie:c", "cookie:d"],
            ),
            Step(
                [seen("r5", 11, "cookie:c cookie:d")],
                ["cookie:a", "cookie:b", "cookie:c cookie:d"],
                merges=["cookie:d -> cookie:c: 1, record r5"],
            ),
            Step(
                [seen("r6", 21, "cookie:a cookie:b")],
                ["cookie:a cookie:b", "cookie:c cookie:d"],
                merges=["cookie:b -> cookie:a: 1, record r6"],
            ),
            Step(
                [seen("r7", 31, "cookie:d cookie:b")],
                ["cookie:a cookie:b cookie:c cookie:d"],
                merges=["cookie:c -> cookie:a: 2, record r7"],
            ),
        ),
    ),
    Scenario(
        "re-map through a child",
        (
            Step(
                [seen("r1", 1, "email:a cookie:b"), seen("r2", 2, "email:c cookie:d")],
                ["email:a cookie:b", "email:c cookie:d"],
            ),
            Step(
                [seen("r3", 11, "cookie:d cookie:e")],
                ["email:a cookie:b", "email:c cookie:d cookie:e"],
            ),
            Step(
                [seen("r4", 21, "cookie:b cookie:e")],
                ["email:a cookie:b email:c cookie:d cookie:e"],
                merges=["email:c -> email:a: 3, record r4"],
            ),
            Step(
                [seen("r5", 31, "email:c phone:f")],
                ["email:a cookie:b email:c cookie:d cookie:e phone:f"],
            ),
        ),
    ),
    Scenario(
        "many identifier kinds",
        (
            Step(
                [
                    seen(
                        "r1",
                        1,
                        "user:a loyalty:b email:c phone:d device:e cookie:f ip:g company:h domain:i",
                    )
                ],
                ["user:a loyalty:b email:c phone:d device:e cookie:f ~ip:g"],
                suppressed=["user:a ip:g: attach_only"],
                accounts=["company:h domain:i"],
            ),
            Step(
                [seen("r2", 11, "email:j phone:k company:l")],
                [
                    "user:a loyalty:b email:c phone:d device:e cookie:f ~ip:g",
                    "email:j phone:k",
                ],
                accounts=["company:h domain:i", "company:l"],
            ),
            Step(
                [seen("r3", 21, "loyalty:b phone:k domain:i company:l")],
                [
                    "user:a loyalty:b email:c phone:d device:e cookie:f ~ip:g email:j phone:k"
                ],
                merges=["email:j -> user:a: 2, record r3"],
                accounts=["company:h domain:i company:l"],
            ),
            # Seen once with either, the address lies with whom it was seen with last.
            Step(
                [seen("r4", 31, "cookie:m ip:g")],
                [
                    "user:a loyalty:b email:c phone:d device:e cookie:f email:j phone:k",
                    "cookie:m ~ip:g",
                ],
                suppressed=["user:a ip:g: attach_only", "cookie:m ip:g: attach_only"],
            ),
        ),
    ),
    Scenario(
        "late event",
        (
            Step([seen("r1", 10, "email:m cookie:n")], ["email:m cookie:n"]),
            # Older than everything, but registered later: the customer keeps its name.
            Step([seen("r2", 1, "email:a cookie:n")], ["email:m cookie:n email:a"]),
            Step([seen("r3", 0, "cookie:b")], ["email:m cookie:n email:a", "cookie:b"]),
            Step(
                [seen("r4", 5, "cookie:b email:m")],
                ["email:m cookie:n email:a cookie:b"],
                merges=["cookie:b -> email:m: 1, record r4"],
            ),
        ),
    ),
    Scenario(
        "stable re-run",
        (
            Step(
                [seen("r1", 1, "email:a cookie:b"), seen("r2", 2, "email:c cookie:b")],
                ["email:a cookie:b email:c"],
            ),
            NOTHING,
            Step(
                [seen("r1", 1, "email:a cookie:b"), seen("r2", 2, "email:c cookie:b")]
            ),
            NOTHING,
        ),
    ),
    Scenario(
        "child seen again",
        (
            Step([seen("r1", 1, "email:a cookie:b")], ["email:a cookie:b"]),
            Step([seen("r2", 11, "cookie:b")]),
            Step([seen("r3", 21, "cookie:b phone:c")], ["email:a cookie:b phone:c"]),
            Step(
                [seen("r4", 31, "phone:c device:d")],
                ["email:a cookie:b phone:c device:d"],
            ),
        ),
    ),
    Scenario(
        "bridge to itself",
        (
            Step(
                [seen("r1", 1, "email:a cookie:b"), seen("r2", 2, "email:a cookie:c")],
                ["email:a cookie:b cookie:c"],
            ),
            Step([seen("r3", 11, "cookie:b cookie:c")]),
            Step([seen("r4", 21, "cookie:c cookie:c")]),
            Step([seen("r5", 31, "email:a cookie:b cookie:c")]),
        ),
    ),
    Scenario(
        "root absorbed",
        (
            Step([seen("r1", 1, "cookie:a")], ["cookie:a"]),
            Step(
                [
                    seen("r2", 11, "email:b cookie:c"),
                    seen("r3", 12, "email:b cookie:d"),
                ],
                ["cookie:a", "email:b cookie:c cookie:d"],
            ),
            Step(
                [seen("r4", 21, "email:b cookie:a")],
                ["cookie:a email:b cookie:c cookie:d"],
                merges=["email:b -> cookie:a: 3, record r4"],
            ),
            Step(
                [seen("r5", 31, "cookie:c cookie:e")],
                ["cookie:a email:b cookie:c cookie:d cookie:e"],
            ),
        ),
    ),
    Scenario(
        "high fan-in",
        (
            Step(
                [seen(f"r{i}", i / 100, f"email:a cookie:{i:03}") for i in range(150)],
                ["email:a " + " ".join(f"cookie:{i:03}" for i in range(150))],
            ),
            Step(
                [seen(f"r{i}", 11, f"email:a cookie:{i:03}") for i in range(150, 250)],
                ["email:a " + " ".join(f"cookie:{i:03}" for i in range(250))],
            ),
            Step([seen(f"again{i}", 21, f"cookie:{i:03}") for i in range(250)]),
            Step(
                [seen("r300", 31, "email:a cookie:300")],
                [
                    "email:a cookie:300 "
                    + " ".join(f"cookie:{i:03}" for i in range(250))
                ],
            ),
        ),
    ),
    Scenario(
        "a bridge that creates",
        (
            Step(
                [seen("r1", 1, "email:a"), seen("r2", 2, "phone:b")],
                ["email:a", "phone:b"],
            ),
            # The identifier that bridges is itself new.
            Step(
                [
                    seen("r3", 11, "email:a cookie:c"),
                    seen("r4", 12, "phone:b cookie:c"),
                ],
                ["email:a phone:b cookie:c"],
                merges=["phone:b -> email:a: 1, record r4"],
            ),
            Step(
                [seen("r5", 21, "device:d cookie:e")],
                ["email:a phone:b cookie:c", "device:d cookie:e"],
            ),
            Step(
                [seen("r6", 31, "user:f device:d"), seen("r7", 32, "user:f email:a")],
                ["email:a phone:b cookie:c device:d cookie:e user:f"],
                merges=["device:d -> email:a: 2, record r6"],
            ),
        ),
    ),
    Scenario(
        "three-way merge",
        (
            Step(
                [
                    seen("r1", 1, "email:a"),
                    seen("r2", 2, "phone:b"),
                    seen("r3", 3, "device:c"),
                ],
                ["email:a", "phone:b", "device:c"],
            ),
            Step(
                [seen("r4", 11, "email:a phone:b device:c")],
                ["email:a phone:b device:c"],
                merges=[
                    "phone:b -> email:a: 1, record r4",
                    "device:c -> email:a: 1, record r4",
                ],
            ),
            Step(
                [
                    seen("r5", 21, "cookie:d cookie:e"),
                    seen("r6", 22, "email:f cookie:g"),
                ],
                ["email:a phone:b device:c", "cookie:d cookie:e", "email:f cookie:g"],
            ),
            Step(
                [
                    seen("r7", 31, "cookie:e cookie:g"),
                    seen("r8", 32, "cookie:g device:c"),
                ],
                ["email:a phone:b device:c cookie:d cookie:e email:f cookie:g"],
                merges=[
                    "cookie:d -> email:a: 2, record r7",
                    "email:f -> email:a: 2, record r8",
                ],
            ),
        ),
    ),
    Scenario(
        "one edge per batch",
        (
            Step([seen("r1", 1, "email:a cookie:b")], ["email:a cookie:b"]),
            Step(
                [seen("r2", 11, "phone:c cookie:d")],
                ["email:a cookie:b", "phone:c cookie:d"],
            ),
            Step(
                [seen("r3", 21, "device:e cookie:f")],
                ["email:a cookie:b", "phone:c cookie:d", "device:e cookie:f"],
            ),
            Step(
                [seen("r4", 31, "cookie:f cookie:d")],
                ["email:a cookie:b", "phone:c cookie:d device:e cookie:f"],
                merges=["device:e -> phone:c: 2, record r4"],
            ),
        ),
    ),
    Scenario(
        "late merge",
        (
            Step(
                [seen("r1", 1, "email:a cookie:b"), seen("r2", 2, "phone:c cookie:d")],
                ["email:a cookie:b", "phone:c cookie:d"],
            ),
            Step([seen("r3", 11, "email:a cookie:b")]),
            Step(
                [seen("r4", 21, "phone:c cookie:e")],
                ["email:a cookie:b", "phone:c cookie:d cookie:e"],
            ),
            Step(
                [seen("r5", 31, "email:a phone:c")],
                ["email:a cookie:b phone:c cookie:d cookie:e"],
                merges=["phone:c -> email:a: 3, record r5"],
            ),
        ),
    ),
    Scenario(
        "reverse chain",
        (
            # Of two first seen at the same time, the one that sorts first is the older.
            Step([seen("r1", 31, "cookie:y cookie:z")], ["cookie:y cookie:z"]),
            Step([seen("r2", 21, "cookie:x cookie:y")], ["cookie:y cookie:z cookie:x"]),
            Step(
                [seen("r3", 11, "cookie:w cookie:x")],
                ["cookie:y cookie:z cookie:x cookie:w"],
            ),
            Step(
                [seen("r4", 1, "cookie:v cookie:w")],
                ["cookie:y cookie:z cookie:x cookie:w cookie:v"],
            ),
        ),
    ),
    Scenario(
        "interleaved batches",
        (
            Step(
                [seen("r1", 1, "email:a cookie:b"), seen("r2", 2, "email:c cookie:d")],
                ["email:a cookie:b", "email:c cookie:d"],
            ),
            Step(
                [
                    seen("r3", 12, "email:c cookie:e"),
                    seen("r4", 11, "email:a cookie:f"),
                    seen("r5", 13, "phone:g cookie:h"),
                ],
                [
                    "email:a cookie:b cookie:f",
                    "email:c cookie:d cookie:e",
                    "phone:g cookie:h",
                ],
            ),
            Step(
                [
                    seen("r6", 3, "cookie:f cookie:h"),
                    seen("r7", 22, "email:c cookie:i"),
                    seen("r1", 1, "email:a cookie:b"),
                ],
                [
                    "email:a cookie:b cookie:f phone:g cookie:h",
                    "email:c cookie:d cookie:e cookie:i",
                ],
                merges=["phone:g -> email:a: 2, record r6"],
            ),
            Step(
                [seen("r8", 31, "email:c cookie:j"), seen("r9", 4, "email:a cookie:k")],
                [
                    "email:a cookie:b cookie:f phone:g cookie:h cookie:k",
                    "email:c cookie:d cookie:e cookie:i cookie:j",
                ],
            ),
        ),
    ),
    Scenario(
        "deep in one batch",
        (
            Step([seen("r0", 0, "cookie:000")], ["cookie:000"]),
            # A binary tree of 127 cookies, all of it in one increment.
            Step(
                [
                    seen(f"r{i}", 200 - i, f"cookie:{i:03} cookie:{(i - 1) // 2:03}")
                    for i in range(1, 127)
                ],
                [" ".join(f"cookie:{i:03}" for i in range(127))],
            ),
            Step(
                [
                    seen("r200", 301, "email:x cookie:126"),
                    seen("r201", 302, "email:x cookie:063"),
                ],
                [" ".join(f"cookie:{i:03}" for i in range(127)) + " email:x"],
            ),
            # The two limbs of the root part, and hold together over the leaves.
            Step([gone("r2")]),
        ),
    ),
)

RULES = (
    Scenario(
        "unique conflict",
        (
            Step([seen("r1", 1, "user:a email:b")], ["user:a email:b"]),
            # Both users are seen with the mailbox, one of them more often.
            Step(
                [seen("r2", 11, "user:a email:b"), seen("r3", 12, "user:c email:b")],
                ["user:a ~email:b", "user:c"],
                suppressed=["user:a email:b: limit", "user:c email:b: limit"],
            ),
            # Whatever hangs on a mailbox that merges nobody stands alone.
            Step(
                [seen("r4", 21, "email:b cookie:d")],
                ["user:a ~email:b", "user:c", "cookie:d"],
                suppressed=[
                    "user:a email:b: limit",
                    "user:c email:b: limit",
                    "email:b cookie:d: limit",
                ],
            ),
            Step(
                [gone("r3")],
                ["user:a email:b cookie:d"],
                merges=["cookie:d -> user:a: 1, rule_change"],
                suppressed=[],
            ),
        ),
    ),
    Scenario(
        "merge then conflict",
        (
            Step(
                [
                    seen("r1", 1, "email:a cookie:k"),
                    seen("r2", 2, "email:b cookie:k"),
                    seen("r3", 3, "email:a cookie:k"),
                ],
                ["email:a cookie:k email:b"],
            ),
            Step(
                [seen("r4", 11, "user:u email:a")], ["email:a cookie:k email:b user:u"]
            ),
            Step(
                [seen("r5", 21, "user:v email:b")],
                ["email:a ~cookie:k user:u", "email:b user:v"],
                splits=["email:a -> email:b: 1, limit"],
                suppressed=["email:a cookie:k: limit", "email:b cookie:k: limit"],
            ),
            Step(
                [gone("r2")],
                ["email:a cookie:k user:u", "email:b user:v"],
                suppressed=[],
            ),
        ),
    ),
    Scenario(
        "shared-id collision",
        (
            # The same text under two types is two identifiers.
            Step(
                [seen("r1", 1, "user:x cookie:a"), seen("r2", 2, "email:x cookie:b")],
                ["user:x cookie:a", "email:x cookie:b"],
            ),
            Step(
                [
                    seen("r3", 11, "user:x device:x"),
                    seen("r4", 12, "user:x device:x"),
                    seen("r5", 13, "user:y device:x"),
                ],
                ["user:x cookie:a ~device:x", "email:x cookie:b", "user:y"],
                suppressed=[
                    "user:x device:x: max_linked",
                    "user:y device:x: max_linked",
                ],
            ),
            Step(
                [seen("r6", 21, "device:x cookie:z")],
                ["user:x cookie:a ~device:x", "email:x cookie:b", "user:y", "cookie:z"],
                suppressed=[
                    "user:x device:x: max_linked",
                    "user:y device:x: max_linked",
                    "cookie:z device:x: max_linked",
                ],
            ),
            Step(
                [seen("r7", 31, "email:x user:y")],
                ["user:x cookie:a ~device:x", "email:x cookie:b user:y", "cookie:z"],
                merges=["user:y -> email:x: 1, record r7"],
            ),
        ),
    ),
    Scenario(
        "shared tablet",
        (
            # A shop's tablet: each member of the staff signs customers in on it.
            Step(
                [
                    seen("r1", 1, "user:ada email:ada device:tablet"),
                    seen("r2", 2, "user:ada email:ada device:ada-phone"),
                ],
                ["user:ada email:ada device:tablet device:ada-phone"],
            ),
            Step(
                [
                    seen("r3", 11, "user:bob email:bob device:tablet"),
                    seen("r4", 12, "user:cleo email:cleo device:tablet"),
                    seen("r5", 13, "user:cleo email:cleo device:tablet"),
                ],
                [
                    "user:ada email:ada device:ada-phone",
                    "user:bob email:bob",
                    "user:cleo email:cleo ~device:tablet",
                ],
                suppressed=[
                    "user:ada device:tablet: max_linked",
                    "user:bob device:tablet: max_linked",
                    "user:cleo device:tablet: max_linked",
                ],
            ),
            # Somebody who did not sign in is nobody known.
            Step(
                [seen("r6", 21, "device:tablet cookie:session")],
                [
                    "user:ada email:ada device:ada-phone",
                    "user:bob email:bob",
                    "user:cleo email:cleo ~device:tablet",
                    "cookie:session",
                ],
                suppressed=[
                    "user:ada device:tablet: max_linked",
                    "user:bob device:tablet: max_linked",
                    "user:cleo device:tablet: max_linked",
                    "cookie:session device:tablet: max_linked",
                ],
            ),
            NOTHING,
        ),
    ),
    Scenario(
        "family device",
        (
            Step(
                [
                    seen("r1", 1, "user:ada device:laptop"),
                    seen("r2", 2, "user:ada device:laptop"),
                    seen("r3", 3, "user:ada email:ada"),
                ],
                ["user:ada device:laptop email:ada"],
            ),
            Step(
                [
                    seen("r4", 11, "user:bob device:laptop"),
                    seen("r5", 12, "user:bob email:bob"),
                ],
                ["user:ada ~device:laptop email:ada", "user:bob email:bob"],
                suppressed=[
                    "user:ada device:laptop: max_linked",
                    "user:bob device:laptop: max_linked",
                ],
            ),
            # Now he uses it most, and it is listed with him; nobody merges.
            Step(
                [seen(f"r2{i}", 20 + i, "user:bob device:laptop") for i in range(3)],
                ["user:ada email:ada", "user:bob email:bob ~device:laptop"],
            ),
            # She moves out: all rows of hers on the laptop are gone. It merges again, and a customer
            # is named after its oldest identifier.
            Step(
                [gone("r1", "r2")],
                ["user:ada email:ada", "device:laptop user:bob email:bob"],
                merges=["user:bob -> device:laptop: 2, record r4"],
                suppressed=[],
            ),
        ),
    ),
    Scenario(
        "re-used phone number",
        (
            Step(
                [
                    seen("r1", 1, "user:ada phone:06"),
                    seen("r2", 2, "user:ada phone:06"),
                    seen("r3", 3, "user:ada email:ada"),
                ],
                ["user:ada phone:06 email:ada"],
            ),
            # The number went back to the operator and has a new owner: the one seen with it last.
            Step(
                [seen("r4", 400, "user:bob phone:06")],
                ["user:ada email:ada", "user:bob ~phone:06"],
                suppressed=["user:ada phone:06: limit", "user:bob phone:06: limit"],
            ),
            Step(
                [
                    seen("r5", 410, "user:bob email:bob"),
                    seen("r6", 411, "user:ada phone:07"),
                ],
                ["user:ada email:ada phone:07", "user:bob ~phone:06 email:bob"],
            ),
            Step(
                [gone("r1", "r2")],
                ["user:ada email:ada phone:07", "phone:06 user:bob email:bob"],
                merges=["user:bob -> phone:06: 2, rule_change"],
                suppressed=[],
            ),
        ),
    ),
    Scenario(
        "merged mailbox",
        (
            Step(
                [
                    seen("r1", 1, "user:ada email:ada"),
                    seen("r2", 2, "user:bob email:bob"),
                ],
                ["user:ada email:ada", "user:bob email:bob"],
            ),
            # The couple now reads one mailbox; orders under it are more often hers.
            Step(
                [
                    seen("r3", 11, "user:ada email:us"),
                    seen("r4", 12, "user:bob email:us"),
                    seen("r5", 13, "user:ada email:us"),
                ],
                ["user:ada email:ada ~email:us", "user:bob email:bob"],
                suppressed=["user:ada email:us: limit", "user:bob email:us: limit"],
            ),
            # A third person at the mailbox: it is shared, whoever merges.
            Step(
                [seen("r6", 21, "user:cleo email:us")],
                ["user:ada email:ada ~email:us", "user:bob email:bob", "user:cleo"],
                suppressed=[
                    "user:ada email:us: max_linked",
                    "user:bob email:us: max_linked",
                    "user:cleo email:us: max_linked",
                ],
            ),
            Step(
                [Ruled(link("user:ada", "user:bob"))],
                ["user:ada email:ada ~email:us user:bob email:bob", "user:cleo"],
                merges=["user:bob -> user:ada: 2, link"],
            ),
        ),
    ),
    Scenario(
        "too many emails",
        (
            Step(
                [seen(f"r{i}", i, f"user:a email:{i}") for i in range(1, 5)],
                ["user:a email:1 email:2 email:3 email:4"],
            ),
            # One too many: the link seen least, and longest ago, is not followed.
            Step(
                [seen(f"r1{i}", 10 + i, f"user:a email:{i}") for i in range(2, 6)],
                ["user:a email:2 email:3 email:4 email:5", "email:1"],
                splits=["user:a -> email:1: 1, limit"],
                suppressed=["user:a email:1: limit"],
            ),
            Step(
                [seen(f"r2{i}", 20 + i, "user:a email:1") for i in range(2)],
                ["user:a email:1 email:2 email:3 email:4", "email:5"],
                merges=["email:1 -> user:a: 1, rule_change"],
                splits=["user:a -> email:5: 1, limit"],
                suppressed=["user:a email:5: limit"],
            ),
            Step(
                [gone("r3", "r13")],
                ["user:a email:1 email:2 email:4 email:5"],
                merges=["email:5 -> user:a: 1, rule_change"],
                suppressed=[],
            ),
        ),
    ),
    Scenario(
        "forty emails",
        (
            # A mailing robot under one account: four are followed, those seen last.
            Step(
                [seen(f"r{i}", i, f"user:a email:{i:02}") for i in range(40)],
                [
                    "user:a email:36 email:37 email:38 email:39",
                    *(f"email:{i:02}" for i in range(36)),
                ],
                suppressed=[f"user:a email:{i:02}: limit" for i in range(36)],
            ),
            NOTHING,
            # One of the others is seen more often.
            Step(
                [seen("again", 50, "user:a email:07")],
                [
                    "user:a email:07 email:37 email:38 email:39",
                    *(f"email:{i:02}" for i in range(37) if i != 7),
                ],
                merges=["email:07 -> user:a: 1, rule_change"],
                splits=["user:a -> email:36: 1, limit"],
                suppressed=[f"user:a email:{i:02}: limit" for i in range(37) if i != 7],
            ),
            # As many as may be.
            Step(
                [gone(*(f"r{i}" for i in range(4, 40)), "again")],
                ["user:a email:00 email:01 email:02 email:03"],
                merges=[f"email:{i:02} -> user:a: 1, rule_change" for i in range(4)],
                suppressed=[],
            ),
        ),
    ),
    Scenario(
        "two users at the ends of a chain",
        (
            # Of links that are equally often seen, the one seen longest ago gives way.
            Step(
                [
                    seen("ra", 0, "user:a cookie:00"),
                    *(
                        seen(f"r{i}", i + 1, f"cookie:{i:02} cookie:{i + 1:02}")
                        for i in range(20)
                    ),
                    seen("rb", 50, "user:b cookie:20"),
                ],
                [
                    "user:a",
                    "cookie:00 user:b "
                    + " ".join(f"cookie:{i:02}" for i in range(1, 21)),
                ],
                suppressed=["user:a cookie:00: limit"],
            ),
            Step(
                [seen("ra2", 60, "user:a cookie:00")],
                [
                    "user:a cookie:00",
                    "cookie:01 user:b "
                    + " ".join(f"cookie:{i:02}" for i in range(2, 21)),
                ],
                splits=[
                    "cookie:00 -> cookie:01: 21, limit",
                    "cookie:00 -> user:a: 1, limit",
                ],
                suppressed=["cookie:00 cookie:01: limit"],
            ),
            # The middle breaks, and with it the conflict.
            Step(
                [gone("r10")],
                [
                    "user:a " + " ".join(f"cookie:{i:02}" for i in range(11)),
                    "cookie:11 user:b "
                    + " ".join(f"cookie:{i:02}" for i in range(12, 21)),
                ],
                splits=[
                    "cookie:01 -> cookie:11: 11, source_row_gone",
                    "cookie:01 -> user:a: 10, source_row_gone",
                ],
                suppressed=[],
            ),
            NOTHING,
        ),
    ),
    Scenario(
        "phones over the years",
        (
            # Two numbers within 30 days are the limit; any number of them over the years is fine.
            Step(
                [seen(f"r{i}", 40 * i, f"user:a phone:{i}") for i in range(4)],
                ["user:a phone:0 phone:1 phone:2 phone:3"],
            ),
            Step(
                [seen("r10", 125, "user:a phone:5")],
                ["user:a phone:0 phone:1 phone:2 phone:3 phone:5"],
            ),
            Step(
                [
                    seen("r20", 130, "user:a phone:6"),
                    seen("r21", 131, "user:a phone:5"),
                    seen("r22", 132, "user:a phone:3"),
                ],
                ["user:a phone:0 phone:1 phone:2 phone:3 phone:5", "phone:6"],
                suppressed=["user:a phone:6: limit"],
            ),
            NOTHING,
        ),
    ),
    Scenario(
        "third phone on the thirtieth day",
        (
            # The first of three is out of the thirty days that the third ends.
            Step(
                [
                    seen("r1", 0, "user:a phone:b"),
                    seen("r2", 15, "user:a phone:c"),
                    seen("r3", 30, "user:a phone:d"),
                ],
                ["user:a phone:b phone:c phone:d"],
            ),
            NOTHING,
            # No: it was seen half a day before already.
            Step(
                [seen("late", 29.5, "user:a phone:d")],
                ["user:a phone:c phone:d", "phone:b"],
                splits=["user:a -> phone:b: 1, limit"],
                suppressed=["user:a phone:b: limit"],
            ),
            Step(
                [gone("late")],
                ["user:a phone:b phone:c phone:d"],
                merges=["phone:b -> user:a: 1, rule_change"],
                suppressed=[],
            ),
        ),
    ),
    Scenario(
        "attach only",
        (
            # An address of the network lies with the customer seen with it most, and merges nobody.
            Step(
                [
                    seen("r1", 1, "email:a ip:x"),
                    seen("r2", 2, "email:b ip:x"),
                    seen("r3", 3, "email:b ip:x"),
                ],
                ["email:a", "email:b ~ip:x"],
                suppressed=["email:a ip:x: attach_only", "email:b ip:x: attach_only"],
            ),
            Step(
                [seen("r4", 11, "ip:y")],
                ["email:a", "email:b ~ip:x", "~ip:y"],
            ),
            Step(
                [
                    seen("r5", 21, "email:a cookie:c"),
                    seen("r6", 22, "email:b cookie:c"),
                ],
                ["email:a email:b cookie:c ~ip:x", "~ip:y"],
                merges=["email:b -> email:a: 1, record r6"],
            ),
            Step(
                [seen("r7", 31, "cookie:c ip:y")],
                ["email:a email:b cookie:c ~ip:x ~ip:y"],
                suppressed=[
                    "email:a ip:x: attach_only",
                    "email:b ip:x: attach_only",
                    "cookie:c ip:y: attach_only",
                ],
            ),
        ),
    ),
)

REVERSALS = (
    Scenario(
        "un-merge",
        (
            Step(
                [
                    seen("r0", 0, "email:a cookie:b"),
                    seen("r1", 1, "email:a cookie:b"),
                    seen("r2", 2, "email:c phone:d"),
                    seen("r3", 3, "cookie:b phone:d"),
                ],
                ["email:a cookie:b email:c phone:d"],
            ),
            # The phone is stronger than the cookie: c and d are one before the cookie may bridge.
            Step(
                [Ruled(never_link("email:a", "email:c", by_command=True))],
                ["email:a ~cookie:b", "email:c phone:d"],
                splits=["email:a -> email:c: 2, never_link"],
                suppressed=[
                    "email:a cookie:b: never_link",
                    "phone:d cookie:b: never_link",
                ],
            ),
            Step(
                [seen("r4", 21, "email:c cookie:e")],
                ["email:a ~cookie:b", "email:c phone:d cookie:e"],
            ),
            # The rule is taken back, and so is the split.
            Step(
                [Lifted(never_link("email:a", "email:c", by_command=True))],
                ["email:a cookie:b email:c phone:d cookie:e"],
                merges=["email:c -> email:a: 3, rule_change"],
                suppressed=[],
            ),
        ),
    ),
    Scenario(
        "blocked value found later",
        (
            Step(
                [
                    seen("r1", 1, "email:info cookie:a"),
                    seen("r2", 2, "email:info cookie:b"),
                    seen("r3", 3, "email:c cookie:b"),
                ],
                ["email:info cookie:a cookie:b email:c"],
            ),
            # The customer's name stays with the part that holds the oldest of the others.
            Step(
                [Ruled(block("email:info"))],
                ["(email:info) cookie:a", "cookie:b email:c"],
                splits=["email:info -> cookie:b: 2, blocked"],
            ),
            Step(
                [
                    seen("r4", 21, "email:info cookie:d"),
                    seen("r5", 22, "cookie:a cookie:e"),
                ],
                ["(email:info) cookie:a cookie:e", "cookie:b email:c", "cookie:d"],
            ),
            Step(
                [Lifted(block("email:info"))],
                ["email:info cookie:a cookie:b email:c cookie:d cookie:e"],
                merges=[
                    "cookie:b -> email:info: 2, record r2",
                    "cookie:d -> email:info: 1, record r4",
                ],
            ),
        ),
    ),
    Scenario(
        "never-link across two paths",
        (
            Step(
                [
                    seen("r1", 1, "email:a cookie:x"),
                    seen("r2", 2, "email:b cookie:x"),
                    seen("r3", 3, "email:a cookie:y"),
                    seen("r4", 4, "email:b cookie:y"),
                    seen("r5", 5, "email:a cookie:y"),
                    seen("r6", 6, "email:a cookie:x"),
                ],
                ["email:a cookie:x email:b cookie:y"],
            ),
            Step(
                [Ruled(never_link("email:a", "email:b"))],
                ["email:a ~cookie:x ~cookie:y", "email:b"],
                splits=["email:a -> email:b: 1, never_link"],
                suppressed=[
                    "email:a cookie:x: never_link",
                    "email:b cookie:x: never_link",
                    "email:a cookie:y: never_link",
                    "email:b cookie:y: never_link",
                ],
            ),
            # A third path, straight from one to the other.
            Step(
                [seen("r7", 21, "email:a phone:p"), seen("r8", 22, "email:b phone:p")],
                ["email:a ~cookie:x ~cookie:y", "email:b ~phone:p"],
                suppressed=[
                    "email:a cookie:x: never_link",
                    "email:b cookie:x: never_link",
                    "email:a cookie:y: never_link",
                    "email:b cookie:y: never_link",
                    "email:a phone:p: never_link",
                    "email:b phone:p: never_link",
                ],
            ),
            Step(
                [gone("r2", "r4", "r8")],
                ["email:a cookie:x cookie:y phone:p"],
                suppressed=[],
            ),
        ),
    ),
    Scenario(
        "erasure of one identifier",
        (
            Step(
                [
                    seen("r1", 1, "email:a cookie:b"),
                    seen("r2", 2, "email:a cookie:c"),
                    seen("r3", 3, "cookie:c phone:d"),
                ],
                ["email:a cookie:b cookie:c phone:d"],
            ),
            # The rows stay and lose the value.
            Step(
                [seen("r1", 1, "cookie:b"), seen("r2", 2, "cookie:c")],
                ["(email:a) cookie:b", "cookie:c phone:d"],
                splits=["email:a -> cookie:c: 2, source_row_gone"],
            ),
            Step(
                [seen("r4", 21, "cookie:b cookie:e")],
                ["(email:a) cookie:b cookie:e", "cookie:c phone:d"],
            ),
            # The same person comes back and is known by the old name again.
            Step(
                [seen("r5", 31, "email:a phone:d")],
                ["email:a phone:d cookie:c", "cookie:b cookie:e"],
                merges=["cookie:c -> email:a: 2, record r5"],
                splits=["email:a -> cookie:b: 2, name_returned"],
            ),
        ),
    ),
    Scenario(
        "source row deleted",
        (
            Step(
                [
                    seen("r1", 1, "email:a cookie:b"),
                    seen("r2", 2, "phone:c cookie:d"),
                    seen("r3", 3, "cookie:b cookie:d"),
                ],
                ["email:a cookie:b phone:c cookie:d"],
            ),
            # A contact that is hard-deleted takes its edges along.
            Step(
                [gone("r3")],
                ["email:a cookie:b", "phone:c cookie:d"],
                splits=["email:a -> phone:c: 2, source_row_gone"],
            ),
            # Marked as deleted is the same.
            Step(
                [seen("r1", 1, "email:a cookie:b", deleted=True)],
                ["phone:c cookie:d"],
            ),
            Step(
                [seen("r1", 1, "email:a cookie:b"), seen("r3", 3, "cookie:b cookie:d")],
                ["email:a cookie:b phone:c cookie:d"],
                merges=["phone:c -> email:a: 2, record r3"],
            ),
        ),
    ),
    Scenario(
        "link row beats the limit",
        (
            Step(
                [seen("r1", 1, "user:a email:b"), seen("r2", 2, "user:c email:d")],
                ["user:a email:b", "user:c email:d"],
            ),
            Step(
                [Ruled(link("user:c", "user:a"))],
                ["user:a email:b user:c email:d"],
                merges=["user:c -> user:a: 2, link"],
            ),
            # A third user comes in by a row, not by a rule: the limit holds against it.
            Step(
                [seen("r3", 21, "user:e email:d"), seen("r4", 22, "user:c email:d")],
                ["user:a email:b user:c ~email:d", "user:e"],
                suppressed=["user:c email:d: limit", "user:e email:d: limit"],
            ),
            Step(
                [Lifted(link("user:c", "user:a")), gone("r3")],
                ["user:a email:b", "user:c email:d"],
                splits=["user:a -> user:c: 1, link_lifted"],
                suppressed=[],
            ),
        ),
    ),
    Scenario(
        "row changes its mind",
        (
            Step([seen("r1", 1, "email:a cookie:b")], ["email:a cookie:b"]),
            Step(
                [seen("r1", 1, "email:c cookie:b")],
                ["(email:a) cookie:b email:c"],
            ),
            Step(
                [seen("r2", 21, "email:a phone:d")],
                ["email:a phone:d", "cookie:b email:c"],
                splits=["email:a -> cookie:b: 2, name_returned"],
            ),
            Step(
                [seen("r1", 1, "email:a cookie:b")],
                ["email:a phone:d cookie:b"],
                merges=["cookie:b -> email:a: 1, record r1"],
            ),
        ),
    ),
    Scenario(
        "everybody leaves",
        (
            Step([seen("r1", 1, "email:a cookie:b")], ["email:a cookie:b"]),
            Step([gone("r1")], []),
            NOTHING,
            Step([seen("r2", 31, "cookie:b phone:c")], ["cookie:b phone:c"]),
        ),
    ),
)

SCENARIOS = (*SHAPES, *RULES, *REVERSALS)

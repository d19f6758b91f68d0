"""Lists of people with a known truth, and the rules by which the identity stage finds them again.

A rule is a composite key: records that agree in all its columns, none of them empty, share its value, and
share it as they would share an e-mail address. So a rule is an identifier type, a value of it an
identifier, and nothing but configuration makes the project's identity stage an entity resolver.
"""

import os
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).parents[2]
RECORD = "record_id"
MODEL = "stg_people__records"


@dataclass(frozen=True, slots=True)
class Rules:
    """A set of rules.

    Attributes:
        name: What kind of rules they are.
        keys: The columns of each composite key; a key of one column is a strong id.
        shared_beyond: By key, the column that its holders may differ in, and in how many values
            (max_linked): what holds more is a value that several people share.
        reference_f1: The best that the study of the algorithm measured for rules of this kind with a
            precision of 0.99 or more, where it did.
    """

    name: str
    keys: tuple[tuple[str, ...], ...]
    shared_beyond: dict[tuple[str, ...], tuple[str, int]] = field(default_factory=dict)
    reference_f1: float | None = None

    def types(self) -> list[dict[str, Any]]:
        """Entries of vars.identifier_types, the record's own id first."""
        attributes = {column for column, _ in self.shared_beyond.values()}
        return [
            {"type": RECORD},
            *(
                {"type": key_name(key)}
                | (
                    {"max_linked": dict([self.shared_beyond[key]])}
                    if key in self.shared_beyond
                    else {}
                )
                for key in self.keys
            ),
            *({"type": column, "merges": False} for column in sorted(attributes)),
        ]

    def sources(self) -> list[dict[str, Any]]:
        """Entries of vars.identifier_sources."""
        types = [entry["type"] for entry in self.types()]
        return [{"model": MODEL, "record_key": RECORD, "identifiers": types}]

    def model(self) -> str:
        """SQL of a staging model that derives the composite keys."""
        attributes = sorted({column for column, _ in self.shared_beyond.values()})
        columns = [
            RECORD,
            *(f"{key_value(key)} as {key_name(key)}" for key in self.keys),
            *attributes,
        ]
        listed = ",\n    ".join(columns)
        return f"select\n    {listed}\n\nfrom people.record\n"


@dataclass(frozen=True, slots=True)
class People:
    """A list of people.

    Attributes:
        name: Its name here and in the study.
        path: The file, below the folder of shared data.
        key: The file's own name of a record.
        columns: SQL per column that rules name, over the file's own columns.
        truth: SQL of the true person.
        rules: What is tried on it.
        splink_f1: Best F1 of Splink 5 that the study measured, and its threshold.
    """

    name: str
    path: str
    key: str
    columns: dict[str, str]
    truth: str
    rules: tuple[Rules, ...]
    splink_f1: tuple[float, float]

    def load(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make people.original, of record_id and the file's columns, and people.record.

        The latter has record_id, true_person and the columns that rules name, as plain texts.
        """
        is_parquet = self.path.endswith(".parquet")
        rows = (
            f"read_parquet('{self.file()}')"
            if is_parquet
            else f"read_csv('{self.file()}', all_varchar = true, header = true)"
        )
        columns = ", ".join(
            f"{plain(sql)} as {name}" for name, sql in self.columns.items()
        )
        connection.execute("create schema people")
        connection.execute(
            f"create table people.original as select 'r' || row_number() over (order by {self.key}) "
            f"as record_id, nullif(trim(columns(*)::varchar), '') from {rows}"
        )
        connection.execute(
            f"create table people.record as select record_id, {self.truth} as true_person, "
            f"{columns} from people.original"
        )

    def file(self) -> Path:
        """The file of the list."""
        return shared_data() / self.path


def shared_data() -> Path:
    """Folder of the data sets, which are not a part of the project."""
    default = ROOT.parent / "shared" / "data"
    return Path(os.environ.get("KENNING_SHARED_DATA", default))


def key_name(key: tuple[str, ...]) -> str:
    """Name of the identifier type of a composite key."""
    return "__".join(key)


def key_value(key: tuple[str, ...]) -> str:
    """SQL of a composite key's value: null where a column is."""
    return " || ' ' || ".join(key)


def plain(sql: str) -> str:
    """Letters and digits in lower case; nothing is null."""
    return f"nullif(regexp_replace(lower({sql}), '[^a-z0-9]', '', 'g'), '')"


STRONG_AND_COMPOSITE = "strong id + composite keys"


def febrl(
    number: int, *, reference_f1: float, splink_f1: tuple[float, float]
) -> People:
    """One of the FEBRL lists."""
    fields = (
        "given_name",
        "surname",
        "street_number",
        "address_1",
        "suburb",
        "postcode",
        "date_of_birth",
    )
    return People(
        name=f"febrl{number}",
        path=f"er_febrl_dedup/dataset{number}.csv",
        key="rec_id",
        columns={name: name for name in (*fields, "soc_sec_id")},
        truth="split_part(rec_id, '-', 2)",
        rules=(
            Rules(
                STRONG_AND_COMPOSITE,
                keys=(
                    ("soc_sec_id",),
                    ("given_name", "date_of_birth"),
                    ("surname", "date_of_birth"),
                    ("date_of_birth", "postcode"),
                    ("given_name", "surname", "postcode"),
                ),
                reference_f1=reference_f1,
            ),
            Rules(
                "strong id or any 3 of 8 fields agree",
                keys=(("soc_sec_id",), *combinations(fields, 3)),
            ),
        ),
        splink_f1=splink_f1,
    )


PEOPLE = (
    febrl(1, reference_f1=0.9889, splink_f1=(0.9980, 0.5)),
    febrl(2, reference_f1=0.9932, splink_f1=(0.9982, 0.5)),
    febrl(3, reference_f1=0.9884, splink_f1=(0.9972, 0.5)),
    People(
        name="fake_1000",
        path="er_splink/fake_1000.csv",
        key="unique_id",
        columns={
            name: name for name in ("first_name", "surname", "dob", "city", "email")
        },
        truth="cluster",
        rules=(
            Rules(
                STRONG_AND_COMPOSITE,
                keys=(
                    ("email",),
                    ("first_name", "surname"),
                    ("first_name", "dob"),
                    ("surname", "dob"),
                    ("dob", "city"),
                ),
                reference_f1=0.7369,
            ),
        ),
        splink_f1=(0.9109, 0.5),
    ),
    People(
        name="historical_50k",
        path="er_splink/historical_figures_with_errors_50k.parquet",
        key="unique_id",
        columns={
            name: name
            for name in (
                "first_name",
                "surname",
                "dob",
                "birth_place",
                "postcode_fake",
                "occupation",
            )
        }
        | {"birth_year": "left(dob, 4)"},
        truth="cluster",
        rules=(
            Rules(
                "composite keys, weak ones with max_linked",
                keys=(
                    ("surname", "postcode_fake"),
                    ("first_name", "postcode_fake"),
                    ("dob", "postcode_fake"),
                    ("surname", "birth_place"),
                    ("first_name", "surname", "birth_place"),
                ),
                shared_beyond={
                    ("surname", "birth_place"): ("birth_year", 1),
                    ("first_name", "surname", "birth_place"): ("birth_year", 2),
                },
                reference_f1=0.5334,
            ),
            Rules(
                "the same, without max_linked",
                keys=(
                    ("surname", "postcode_fake"),
                    ("first_name", "postcode_fake"),
                    ("dob", "postcode_fake"),
                    ("surname", "birth_place"),
                    ("first_name", "surname", "birth_place"),
                ),
            ),
        ),
        splink_f1=(0.8288, 0.95),
    ),
)

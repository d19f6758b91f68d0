"""What one person and their two addresses agreed to, run by run: merged, heard again, parted, grown old.

The consent log is the only source. Each step changes its raw rows or moves time on, and runs the real models on
what changed. At the end one run from nothing gives the same tables.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

PROJECT = Path(__file__).parents[3]
MODELS = ("+customer_recipients", "customer_consents")
HOME, WORK = "ada@home.example", "ada@work.example"

Standing = dict[tuple[str, str], str]


class Company:
    """A warehouse file with a consent log, and dbt to run on it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._warehouse = folder / "kenning.duckdb"
        self._patch = patch
        patch.setenv("KENNING_DUCKDB_PATH", str(self._warehouse))
        with duckdb.connect(
            str(self._warehouse), config={"storage_compatibility_version": "v1.5.0"}
        ) as connection:
            connection.execute("create schema consent_log")
            connection.execute(
                """
                create table consent_log.consent (
                    consent_id text, email text, user_id text, phone text, purpose text, action text,
                    recorded_at timestamp, source text, legal_basis text, policy_version text, loaded_at timestamp
                )
                """
            )
        self._manifest: Manifest | None = None
        self._manifest = self._dbt("parse")
        self._dbt("seed")

    def says(
        self,
        consent_id: str,
        action: str,
        purpose: str,
        on: str,
        *,
        email: str | None = None,
        user_id: str | None = None,
    ) -> None:
        with duckdb.connect(str(self._warehouse)) as connection:
            connection.execute(
                "insert into consent_log.consent values (?, ?, ?, null, ?, ?, ?, 'web_form', 'consent', 'v1', ?)",
                [consent_id, email, user_id, purpose, action, on, on],
            )

    def forgets(self, consent_id: str) -> None:
        with duckdb.connect(str(self._warehouse)) as connection:
            connection.execute(
                "delete from consent_log.consent where consent_id = ?", [consent_id]
            )

    def runs(self, as_of: str, *arguments: str) -> None:
        self._patch.setenv("KENNING_AS_OF", datetime.fromisoformat(as_of).isoformat())
        self._dbt("run", "--select", *MODELS, *arguments)

    def _dbt(self, command: str, *arguments: str) -> Any:
        # The project is parsed once: no run changes it.
        outcome = dbtRunner(manifest=self._manifest).invoke(
            [
                command,
                *arguments,
                "--vars={sources: [consent_log]}",
                f"--project-dir={PROJECT}",
                f"--profiles-dir={PROJECT}",
                f"--target-path={self._folder / 'target'}",
                f"--log-path={self._folder / 'logs'}",
                "--quiet",
            ]
        )
        # dbt in this process keeps the file open otherwise.
        DuckDBConnectionManager.close_all_connections()
        assert outcome.success, outcome.exception or outcome.result
        return outcome.result

    def customers(self) -> Standing:
        """The status per purpose of the customer that an address belongs to."""
        return {
            (str(address), str(purpose)): str(status)
            for address, purpose, status in self._rows(
                """
                select map.identifier_value, consents.purpose, consents.status
                from core.customer_consents as consents join identity.identity_map as map using (customer_id)
                where map.identifier_type = 'email' and consents.purpose in ('email_marketing', 'ads')
                """
            )
        }

    def addresses(self) -> dict[str, str]:
        return {
            str(address): str(status)
            for address, status in self._rows(
                "select address, status from core.customer_consent_addresses where purpose = 'email_marketing'"
            )
        }

    def recipients(self) -> list[str]:
        return [
            str(address)
            for (address,) in self._rows(
                "select address from core.customer_recipients where purpose = 'email_marketing' order by all"
            )
        ]

    def tables(self) -> dict[str, list[tuple[object, ...]]]:
        return {
            table: self._rows(
                f"select columns(* exclude changed_run) from core.{table} order by all"
            )
            for table in ("int_consent__answers", "int_consent__standings")
        }

    def _rows(self, query: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self._warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Company:
    return Company(tmp_path, monkeypatch)


@pytest.mark.exhaustive
def test_two_addresses_of_one_person_are_merged_heard_parted_and_grow_old(
    company: Company,
) -> None:
    company.says(
        "k1", "granted", "email_marketing", "2026-01-01", user_id="u1", email=HOME
    )
    company.says("k2", "denied", "ads", "2026-01-10", user_id="u1")
    company.says("k3", "withdrawn", "email_marketing", "2026-01-05", email=WORK)
    company.says("k4", "granted", "ads", "2026-01-05", email=WORK)
    company.runs("2026-02-01")
    apart = {
        (HOME, "email_marketing"): "granted",
        (HOME, "ads"): "denied",
        (WORK, "email_marketing"): "denied",
        (WORK, "ads"): "granted",
    }
    assert company.customers() == apart
    assert company.recipients() == [HOME]

    # The account answers with the other address: one person, and of both words the later, which are no. A yes that
    # is later still lies ahead.
    company.says("k5", "granted", "analytics", "2026-02-02", user_id="u1", email=WORK)
    company.says(
        "k6", "granted", "email_marketing", "2026-02-10", user_id="u1", email=HOME
    )
    company.runs("2026-02-05")
    assert company.customers() == {
        (address, purpose): "withdrawn"
        for address in (HOME, WORK)
        for purpose in ("email_marketing", "ads")
    }
    assert company.recipients() == []

    # Nothing new but the day: the yes has come, for the address that it names.
    company.runs("2026-02-11")
    assert company.customers()[WORK, "email_marketing"] == "granted"
    assert company.addresses() == {HOME: "granted", WORK: "denied"}
    assert company.recipients() == [HOME]

    # What joined them was a mistake.
    company.forgets("k5")
    company.runs("2026-02-12")
    assert company.customers() == apart

    # A year after its yes.
    company.runs("2027-01-05")
    assert company.customers() == apart | {(WORK, "ads"): "expired"}

    grown = company.tables()
    company.runs("2027-01-05", "--full-refresh")
    assert company.tables() == grown

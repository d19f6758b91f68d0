"""One command parts a customer, and at the next run everything downstream follows.

Not here: which links give way (tests/integration/identity), and what the command refuses
(tests/unit/identity).
"""

import csv
import shutil
from dataclasses import dataclass, replace

import duckdb
import pytest

from tests.integration.conftest import DemoRuns

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.xdist_group("parting"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

# Somebody whom a tool receives, by the account that bought and the address that consented.
RECIPIENT = """
select
    recipients.customer_id,
    min(case when map.identifier_type = 'shopify_customer_id' then map.identifier_value end),
    min(case when map.identifier_type = 'email' then map.identifier_value end)
from activation.sync_files__lapsed_high_value as recipients
inner join identity.identity_map as map on recipients.customer_id = map.customer_id
where not map.is_shared
group by recipients.customer_id
having
    count(case when map.identifier_type = 'shopify_customer_id' then 1 end) = 1
    and count(case when map.identifier_type = 'email' then 1 end) = 1
order by count(*), recipients.customer_id
limit 1
"""


@dataclass(frozen=True)
class Parting:
    """A customer before it was parted, and the workspace in which that was done and undone."""

    runs: DemoRuns
    whole: str
    account: str
    email: str
    orders_before: set[str]
    received_before: set[str]

    def build_and_send(self) -> None:
        """At this size one person is a quarter of what the tool holds: a guard asks, we agree."""
        run = self.runs.kenning("demo", "--people", "400")
        if "'files__lapsed_high_value' is held: 1 would be removed" in run.stderr:
            agreed = self.runs.kenning("sync", "approve", "files__lapsed_high_value")
            assert agreed.returncode == 0, agreed.stdout + agreed.stderr
            run = self.runs.kenning("demo", "--people", "400")
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="module")
def parting(demo_runs: DemoRuns, tmp_path_factory: pytest.TempPathFactory) -> Parting:
    folder = tmp_path_factory.mktemp("parted") / "nordvik"
    shutil.copytree(demo_runs.folder, folder)
    environ = {
        **demo_runs.environ,
        "KENNING_DUCKDB_PATH": str(folder / "kenning.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
    }
    runs = replace(demo_runs, folder=folder, environ=environ)
    [(customer_id, account, email)] = rows(runs, RECIPIENT)
    parting = Parting(
        runs,
        str(customer_id),
        str(account),
        str(email),
        orders(runs, str(customer_id)),
        received(runs),
    )
    said = runs.kenning(
        "identity",
        "unmerge",
        f"shopify_customer_id:{account}",
        f"email:{email}",
        "--reason",
        "a sister ordered for her",
        "--author",
        "Ada",
    )
    assert said.returncode == 0, said.stdout + said.stderr
    parting.build_and_send()
    return parting


def test_unmerged_customer_is_two_and_the_part_with_the_anchor_keeps_the_id(
    parting: Parting,
) -> None:
    owners = {
        owner(parting.runs, "shopify_customer_id", parting.account),
        owner(parting.runs, "email", parting.email),
    }

    assert len(owners) == 2
    assert parting.whole in owners


def test_the_split_is_logged_with_its_cause(parting: Parting) -> None:
    causes = rows(
        parting.runs,
        "select distinct cause from identity.identity_splits "
        f"where from_customer_id = '{parting.whole}'",
    )

    assert causes == [("never_link",)]


def test_orders_follow_the_account_and_none_is_lost(parting: Parting) -> None:
    by_account = owner(parting.runs, "shopify_customer_id", parting.account)
    by_email = owner(parting.runs, "email", parting.email)

    assert orders(parting.runs, by_account) == parting.orders_before != set()
    assert orders(parting.runs, by_email) == set()


def test_profiles_and_audiences_hold_each_of_the_two_for_itself(
    parting: Parting,
) -> None:
    by_account = owner(parting.runs, "shopify_customer_id", parting.account)
    by_email = owner(parting.runs, "email", parting.email)

    counts = dict(
        rows(parting.runs, "select customer_id, order_count from core.dim_customers")
    )
    members = dict.fromkeys(
        customer
        for (customer,) in rows(
            parting.runs, "select customer_id from audiences.audience_lapsed_high_value"
        )
    )

    assert counts[by_account] == len(parting.orders_before)
    assert counts[by_email] == 0
    assert by_account in members
    assert by_email not in members


def test_the_tool_loses_whom_nobody_consents_for_any_more(parting: Parting) -> None:
    assert parting.whole in parting.received_before
    assert received(parting.runs) == recipients(parting.runs)
    assert received(parting.runs) == parting.received_before - {parting.whole}


def test_lifting_the_rule_brings_the_customer_back_to_the_tool_under_its_id(
    parting: Parting,
) -> None:
    [(rule_id,)] = rows(
        parting.runs, "select rule_id from identity.identity_link_rules"
    )
    lifted = parting.runs.kenning("identity", "lift", str(rule_id))
    assert lifted.returncode == 0, lifted.stdout + lifted.stderr

    parting.build_and_send()

    assert owner(parting.runs, "email", parting.email) == parting.whole
    assert orders(parting.runs, parting.whole) == parting.orders_before
    assert received(parting.runs) == parting.received_before


def received(runs: DemoRuns) -> set[str]:
    """Customers in the newest file that the sync handed over."""
    newest = max(
        runs.folder.glob("outbox/files__lapsed_high_value/*/full.csv"),
        key=lambda path: path.parent.name,
    )
    with newest.open(newline="", encoding="utf-8") as file:
        return {row["customer_id"] for row in csv.DictReader(file)}


def recipients(runs: DemoRuns) -> set[str]:
    return {
        str(customer)
        for (customer,) in rows(
            runs, "select customer_id from activation.sync_files__lapsed_high_value"
        )
    }


def orders(runs: DemoRuns, customer_id: str) -> set[str]:
    return {
        str(order)
        for (order,) in rows(
            runs,
            "select source_name || ' ' || order_id from core.fct_orders "
            f"where customer_id = '{customer_id}'",
        )
    }


def owner(runs: DemoRuns, kind: str, value: str) -> str:
    [(customer_id,)] = rows(
        runs,
        "select customer_id from identity.identity_map "
        f"where identifier_type = '{kind}' and identifier_value = '{value}'",
    )
    return str(customer_id)


def rows(runs: DemoRuns, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(runs.warehouse), read_only=True) as connection:
        return connection.execute(query).fetchall()

"""The open Online Retail invoices through the real models give the published figures and a peer's customer values.

The invoices are no part of this repository; without the folder beside it these tests are skipped. The peer is
`lifetimes`, run on the usual cleaning: lines of known customers with a quantity and a price above zero.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

PROJECT = Path(__file__).parents[3]
DATA = PROJECT.parent / "shared" / "data" / "uci_online_retail"
INVOICES = DATA / "online_retail.parquet"
EXPECTED = DATA / "expected_rfm_lifetimes.csv"
LAST_DAY = "2011-12-09T23:59:59"
EUR_PER_POUND = Decimal("1.25")

pytestmark = pytest.mark.skipif(
    not INVOICES.is_file(), reason=f"the Online Retail invoices are not at {DATA}"
)

Rows = list[tuple[object, ...]]


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("online_retail")
    path = folder / "kenning.duckdb"
    with duckdb.connect(
        str(path), config={"storage_compatibility_version": "v1.5.0"}
    ) as connection:
        connection.execute("create schema online_retail")
        connection.execute(
            "create table online_retail.lines as select * replace (quantity::bigint as quantity, "
            "unitprice::double as unitprice, invoicedate::timestamp as invoicedate) from read_parquet(?)",
            [str(INVOICES)],
        )
    for command in (["seed"], ["run", "--select", "+customer_order_figures"]):
        run = subprocess.run(
            [
                Path(sys.executable).with_name("dbt"),
                *command,
                f"--vars={{sources: [online_retail], as_of: '{LAST_DAY}'}}",
                f"--project-dir={PROJECT}",
                f"--profiles-dir={PROJECT}",
                f"--target-path={folder / 'target'}",
                f"--log-path={folder / 'logs'}",
                "--quiet",
            ],
            env={**os.environ, "KENNING_DUCKDB_PATH": str(path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout[-4000:]
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute(
            f"create temp view expected as from read_csv('{EXPECTED}', types = {{'customer_id': 'varchar'}})"
        )
        # Who a customer of the peer is here: accounts stay apart, so one to one.
        connection.execute(
            "create temp view accounts as select identifier_value as account, customer_id "
            "from identity.identity_map where identifier_type = 'user_id'"
        )
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> Rows:
    return connection.execute(sql).fetchall()


def test_revenue_less_cancellations_is_the_published_sum(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    [(charged, refunded)] = rows(
        warehouse,
        "select (select sum(total_amount) from core.fct_orders), "
        "(select sum(refunded_amount) from core.fct_refunds)",
    )

    assert charged - refunded == Decimal("9747747.93")
    # Cancellations, and two debts written off.
    assert refunded == Decimal("896812.49") + Decimal("22124.12")


def test_every_invoice_is_an_order_a_refund_or_a_correction_of_the_stock(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    [(orders, refunds, corrections, invoices)] = rows(
        warehouse,
        """
        select
            (select count(*) from core.fct_orders),
            (select count(*) from core.fct_refunds),
            (
                select count(*) from (
                    select invoice_id from staging.stg_online_retail__lines where not is_cancellation
                    group by invoice_id having max(quantity) <= 0
                )
            ),
            (select count(distinct invoice_id) from staging.stg_online_retail__lines)
        """,
    )

    assert (orders, refunds, corrections) == (20726, 3838, 1336)
    assert orders + refunds + corrections == invoices == 25900


def test_customers_are_the_accounts_and_lines_are_all_there(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    assert rows(
        warehouse,
        """
        select
            (select count(*) from identity.identity_clusters),
            (select count(*) from accounts),
            (select count(*) from staging.stg_online_retail__lines),
            (select count(*) from staging.stg_online_retail__lines where user_id is null)
        """,
    ) == [(4372, 4372, 541909, 135080)]


def test_cancellations_are_netted_per_customer(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    figures = dict(
        rows(
            warehouse,
            "select account, [total_eur::double, revenue_eur::double] from core.customer_order_figures "
            "join accounts using (customer_id) where account in ('16446', '12346')",
        )
    )
    [(not_above_zero,)] = rows(
        warehouse,
        "select count(*) from core.customer_order_figures where revenue_eur <= 0",
    )

    # In pounds: 168,472.50 gross and 2.90 net; 77,183.60 gross and nothing net. Each invoice is rounded in euros.
    assert figures["16446"] == pytest.approx([168472.50 * 1.25, 2.90 * 1.25], abs=0.02)
    assert figures["12346"] == pytest.approx([77183.60 * 1.25, 0], abs=0.02)
    # Counted exactly; with floating-point sums it is 52 or 53.
    assert not_above_zero == 55


def test_recency_frequency_and_age_are_the_peers_for_every_customer(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    differing = rows(
        warehouse,
        """
        select account, repeat_day_count, frequency, purchase_span_days, recency, tenure_days, t
        from expected
        full join (
            select * from core.customer_order_figures join accounts using (customer_id)
            where purchase_day_count > 0
        ) as found on found.account = expected.customer_id
        where (repeat_day_count, purchase_span_days, tenure_days) is distinct from (frequency, recency, t)
        """,
    )

    assert differing == []
    assert rows(warehouse, "select count(*) from expected") == [(4338,)]


def test_monetary_value_is_the_peers_to_the_cent(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    [(in_pounds, in_euros)] = rows(
        warehouse,
        f"""
        with days as (
            select customer_id, ordered_at::date as day, sum(total_amount) as amount
            from core.fct_orders where total_amount > 0 group by all
        ),
        repeats as (
            select customer_id, avg(amount) as amount from days
            where day > (select min(day) from days as others where others.customer_id = days.customer_id)
            group by all
        )
        select
            max(abs(coalesce(repeats.amount, 0) - monetary_value)),
            max(abs(figures.repeat_day_eur / {EUR_PER_POUND} - monetary_value))
        from expected join accounts on account = expected.customer_id
        join core.customer_order_figures as figures on figures.customer_id = accounts.customer_id
        left join repeats on repeats.customer_id = accounts.customer_id
        """,
    )

    assert float(in_pounds) < 0.005
    # In euros each invoice is rounded, and a day may have several.
    assert float(in_euros) < 0.05

"""Staging runs unchanged on raw tables as Fivetran lands them.

The tables are the sample data of Fivetran's own dbt packages: few rows, but the real
column names, types, nulls and soft deletes. They are no part of this repository; without
the folder beside it these tests are skipped. Expected counts were read off the CSVs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

SOURCES = {
    "hubspot": {
        "contact": "contact_data",
        "company": "company_data",
    },
    "klaviyo": {
        "person": "person",
        "event": "event",
        "campaign": "campaign",
    },
    "salesforce": {
        "lead": "sf_lead_data",
        "contact": "sf_contact_data",
        "account": "sf_account_data",
        "opportunity": "sf_opportunity_data",
    },
    "shopify": {
        "customer": "shopify_customer_data",
        "order": "shopify_order_data",
        "order_line": "shopify_order_line_data",
        "refund": "shopify_refund_data",
        "order_line_refund": "shopify_order_line_refund_data",
        "abandoned_checkout": "shopify_abandoned_checkout_data",
        "product": "shopify_product_data",
    },
    "stripe": {
        "customer": "customer_data",
        "subscription": "subscription_data",
        "subscription_item": "subscription_item_data",
        "price": "price_data",
        "charge": "charge_data",
    },
    "zendesk": {
        "user": "user_data",
        "ticket": "ticket_data",
        "ticket_comment": "ticket_comment_data",
    },
}
# The newer generation of the Shopify connector: other tables, fewer of our columns.
SHOPIFY_GRAPHQL = {
    "shopify": {
        table: file.replace("shopify_", "shopify_gql_")
        for table, file in SOURCES["shopify"].items()
    }
}
NOT_LANDED = [
    "hubspot.contact_company",
    "hubspot.contact.property_phone",
    "hubspot.contact.property_country",
    "hubspot.company.property_domain",
]
NOT_LANDED_BY_SHOPIFY_GRAPHQL = [
    *(
        f"shopify.customer.{name}"
        for name in ("accepts_marketing", "default_address_id")
    ),
    *(
        f"shopify.order.{name}"
        for name in (
            *("currency", "subtotal_price", "total_tax", "total_price", "token"),
            *("total_discounts", "total_line_items_price", "financial_status"),
            *("fulfillment_status", "referring_site", "landing_site_base_url"),
            *("browser_ip", "cart_token", "checkout_token", "order_number"),
            "buyer_accepts_marketing",
        )
    ),
    *(
        f"shopify.order_line.{name}"
        for name in ("price", "total_discount", "gift_card", "index")
    ),
    *(f"shopify.refund.{name}" for name in ("processed_at", "restock", "user_id")),
    *(f"shopify.order_line_refund.{name}" for name in ("subtotal", "total_tax")),
    *(
        f"shopify.abandoned_checkout.{name}"
        for name in (
            *("token", "cart_token", "email", "phone", "closed_at", "currency"),
            *("subtotal_price", "total_price", "customer_locale"),
            *("landing_site_base_url", "referring_site", "buyer_accepts_marketing"),
        )
    ),
]
# Staging model: its primary key, and the rows of its CSV.
EXPECTED_ROWS = {
    "stg_hubspot__contacts": ("hubspot_contact_id", 22),
    "stg_hubspot__companies": ("hubspot_company_id", 24),
    "stg_klaviyo__persons": ("klaviyo_person_id", 2),
    "stg_klaviyo__events": ("klaviyo_event_id", 4),
    "stg_klaviyo__campaigns": ("campaign_id", 2),
    "stg_salesforce__leads": ("salesforce_lead_id", 1),
    "stg_salesforce__contacts": ("salesforce_contact_id", 4),
    "stg_salesforce__accounts": ("salesforce_account_id", 10),
    "stg_salesforce__opportunities": ("opportunity_id", 10),
    "stg_shopify__customers": ("shopify_customer_id", 4),
    "stg_shopify__orders": ("order_id", 8),
    "stg_shopify__order_lines": ("order_line_id", 3),
    "stg_shopify__refunds": ("refund_id", 5),
    "stg_shopify__refund_lines": ("refund_line_id", 5),
    "stg_shopify__abandoned_checkouts": ("checkout_id", 3),
    "stg_shopify__products": ("product_id", 8),
    "stg_stripe__customers": ("stripe_customer_id", 12),
    "stg_stripe__subscriptions": ("subscription_id", 2),
    "stg_stripe__subscription_items": ("subscription_item_id", 14),
    "stg_stripe__prices": ("price_id", 4),
    "stg_stripe__charges": ("charge_id", 16),
    "stg_zendesk__users": ("zendesk_user_id", 10),
    "stg_zendesk__tickets": ("ticket_id", 10),
    "stg_zendesk__ticket_comments": ("comment_id", 20),
}
EXPECTED_GRAPHQL_ROWS = {
    model: (key, 9 if model == "stg_shopify__orders" else 10)
    for model, (key, _) in EXPECTED_ROWS.items()
    if model.startswith("stg_shopify__")
}
EXPECTED_DELETED = {
    "stg_hubspot__contacts": 0,
    "stg_salesforce__accounts": 9,
    "stg_salesforce__opportunities": 10,
    "stg_stripe__customers": 1,
    "stg_zendesk__tickets": 2,
    "stg_zendesk__users": 0,
}


@pytest.fixture(scope="module")
def seeds(project_root: Path) -> Path:
    """The folder with the CSVs."""
    folder = project_root.parent / "shared" / "data" / "fivetran_seeds"
    if not folder.is_dir():
        pytest.skip(f"no Fivetran sample data in {folder}")
    return folder


@pytest.fixture(scope="module")
def warehouse(
    seeds: Path, project_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Six sources landed from the CSVs, and their staging models built and tested."""
    folder = tmp_path_factory.mktemp("fivetran")
    _land(seeds, folder / "kenning.duckdb", tables=SOURCES)
    _build(
        project_root, folder, select="staging", sources=SOURCES, not_landed=NOT_LANDED
    )
    with duckdb.connect(str(folder / "kenning.duckdb"), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def graphql_warehouse(
    seeds: Path, project_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Shopify landed by the newer connector, and its staging models built and tested."""
    folder = tmp_path_factory.mktemp("graphql")
    _land(seeds, folder / "kenning.duckdb", tables=SHOPIFY_GRAPHQL)
    _build(
        project_root,
        folder,
        select="staging.shopify",
        sources=SHOPIFY_GRAPHQL,
        not_landed=NOT_LANDED_BY_SHOPIFY_GRAPHQL,
    )
    with duckdb.connect(str(folder / "kenning.duckdb"), read_only=True) as connection:
        yield connection


def test_every_row_of_the_csvs_is_staged_once(warehouse: duckdb.DuckDBPyConnection):
    assert _rows_and_keys(warehouse, EXPECTED_ROWS) == {
        model: (rows, rows) for model, (_, rows) in EXPECTED_ROWS.items()
    }


def test_soft_deletes_are_marked_and_kept(warehouse: duckdb.DuckDBPyConnection):
    deleted = {
        model: warehouse.execute(
            f"select count(*) filter (where is_deleted) from staging.{model}"
        ).fetchall()[0][0]
        for model in EXPECTED_DELETED
    }

    assert deleted == EXPECTED_DELETED


def test_merged_contacts_are_listed(warehouse: duckdb.DuckDBPyConnection):
    merges = warehouse.execute(
        "select hubspot_contact_id, merged_hubspot_contact_id "
        "from staging.stg_hubspot__contact_merges order by merged_hubspot_contact_id"
    ).fetchall()

    assert merges == [
        ("78971951", "46897301"),
        ("78971951", "76226001"),
        ("78971951", "76340251"),
    ]


def test_messy_values_get_their_normal_form(warehouse: duckdb.DuckDBPyConnection):
    person = warehouse.execute(
        "select email, phone, country_code, postal_code "
        "from staging.stg_klaviyo__persons where first_name = 'MArio'"
    ).fetchall()
    charge = warehouse.execute(
        "select charge_amount, currency from staging.stg_stripe__charges "
        "where charge_id = 'ch_0IMDAfig6peNXzgDJYQKfT3B'"
    ).fetchall()

    assert person == [("mrgoogle@gmail.com", "+15165555555", "US", "64224")]
    assert [(str(amount), currency) for amount, currency in charge] == [
        ("32932.32", "USD")
    ]
    assert warehouse.execute(
        "select unit_amount::text, currency, billing_interval, billing_interval_count "
        "from staging.stg_stripe__prices order by price_id"
    ).fetchall() == [
        ("1000.00", "USD", None, None),
        ("29.99", "USD", "month", 1),
        ("299.90", "USD", "year", 1),
        ("80.00", "EUR", "month", 3),
    ]


def test_sources_that_are_off_are_empty(warehouse: duckdb.DuckDBPyConnection):
    for_off_sources = warehouse.execute(
        "select (select count(*) from staging.stg_segment__tracks) "
        "+ (select count(*) from staging.stg_till__sales) "
        "+ (select count(*) from staging.stg_hubspot__contact_companies)"
    ).fetchall()

    assert for_off_sources == [(0,)]


def test_the_newer_shopify_connector_is_staged_too(
    graphql_warehouse: duckdb.DuckDBPyConnection,
):
    assert _rows_and_keys(graphql_warehouse, EXPECTED_GRAPHQL_ROWS) == {
        model: (rows, rows) for model, (_, rows) in EXPECTED_GRAPHQL_ROWS.items()
    }


def _rows_and_keys(
    connection: duckdb.DuckDBPyConnection, expected: Mapping[str, tuple[str, int]]
) -> dict[str, tuple[int, int]]:
    return {
        model: connection.execute(
            f"select count(*), count(distinct {key}) from staging.{model}"
        ).fetchall()[0]
        for model, (key, _) in expected.items()
    }


def _land(seeds: Path, path: Path, *, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Load the CSVs as they are: DuckDB guesses the types, and a lone blank is null."""
    config = {"storage_compatibility_version": "v1.5.0"}
    with duckdb.connect(str(path), config=config) as connection:
        for source, files in tables.items():
            connection.execute(f'create schema "{source}"')
            for table, file in files.items():
                csv = seeds / source / f"{file}.csv"
                connection.execute(
                    f'create table "{source}"."{table}" as '
                    "from read_csv(?, nullstr = ['', ' '])",
                    [str(csv)],
                )


def _build(
    project_root: Path,
    folder: Path,
    *,
    select: str,
    sources: Mapping[str, object],
    not_landed: list[str],
) -> None:
    """Build and test the staging layer; the unit tests bring rows of their own."""
    variables = {"sources": sorted(sources), "not_landed": not_landed}
    outcome = subprocess.run(
        [
            Path(sys.executable).with_name("dbt"),
            *("build", "--quiet", "--select", select),
            *("--exclude-resource-type", "unit_test"),
            *("--vars", json.dumps(variables)),
            *("--target-path", folder / "target", "--log-path", folder / "logs"),
        ],
        cwd=project_root,
        env={**os.environ, "KENNING_DUCKDB_PATH": str(folder / "kenning.duckdb")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr

"""The metrics of models/metrics, asked through MetricFlow, beside plain SQL on the same tables."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import duckdb
import pytest

from tests.integration.conftest import DemoRuns
from tests.metric_queries import Metrics, Row, open_metrics

PLAIN: dict[str, tuple[Sequence[str], Sequence[str], str]] = {
    "customers by stage": (
        ["customers", "buyers", "repeat_buyers"],
        ["customer__lifecycle_stage"],
        """
        select lifecycle_stage, count(*), count(*) filter (order_count >= 1), count(*) filter (order_count >= 2)
        from core.dim_customers group by all order by all
        """,
    ),
    "repeat rate": (
        ["repeat_rate"],
        [],
        "select count(*) filter (order_count >= 2) / count(*) from core.dim_customers where order_count >= 1",
    ),
    "orders and what they brought in, by year": (
        ["orders", "revenue", "average_order_value"],
        ["metric_time__year"],
        """
        select date_trunc('year', ordered_at), count(*) filter (not is_cancelled), sum(revenue_eur),
            sum(revenue_eur) / count(*) filter (not is_cancelled)
        from core.fct_orders group by all order by all
        """,
    ),
    "revenue by a dimension of the customer": (
        ["revenue"],
        ["customer__lifecycle_stage"],
        """
        select lifecycle_stage, sum(orders.revenue_eur)
        from core.fct_orders as orders left join core.dim_customers using (customer_id)
        group by all order by all nulls last
        """,
    ),
    "retention by cohort": (
        ["cohort_customers", "retained_customers", "retention_rate", "cohort_revenue"],
        [
            "cohort_month_row__cohort_month__month",
            "cohort_month_row__months_since_first",
        ],
        """
        with orders as (
            from core.fct_orders where customer_id is not null and ordered_at is not null and not is_cancelled
        ),
        cohorts as (
            select customer_id, date_trunc('month', min(ordered_at)) as cohort from orders group by all
        ),
        sizes as (select cohort, count(*) as size from cohorts group by all),
        months as (
            select cohort, size, unnest(generate_series(0, date_diff('month', cohort, getvariable('as_of')::timestamp))) as later
            from sizes
        )
        select months.cohort, later, size, count(distinct orders.customer_id),
            count(distinct orders.customer_id) / size, coalesce(sum(revenue_eur), 0)
        from months
        left join (orders join cohorts using (customer_id))
            on cohorts.cohort = months.cohort
            and date_diff('month', cohorts.cohort, date_trunc('month', orders.ordered_at)) = later
        group by months.cohort, later, size order by all
        """,
    ),
    "sessions by kind of traffic": (
        [
            "sessions",
            "engaged_sessions",
            "converted_sessions",
            "engagement_rate",
            "conversion_rate",
        ],
        ["session__channel_group"],
        """
        with people as (from core.fct_sessions where not is_bot and not is_internal)
        select channel_group, count(*), count(*) filter (not is_bounce), count(*) filter (conversion_count > 0),
            count(*) filter (not is_bounce) / count(*), count(*) filter (conversion_count > 0) / count(*)
        from people group by all order by all
        """,
    ),
    "conversions by a dimension of the customer": (
        ["converted_sessions"],
        ["customer__lifecycle_stage"],
        """
        select lifecycle_stage, count(*) filter (is_converted and not is_bot and not is_internal)
        from core.fct_sessions left join core.dim_customers using (customer_id)
        group by all order by all nulls last
        """,
    ),
    "consent coverage": (
        ["consent_questions", "consents_granted", "consent_coverage"],
        ["consent__purpose"],
        """
        with yes as (select purpose, customer_id from core.customer_consents where is_granted)
        select asked.purpose, count(*), count(yes.customer_id), count(yes.customer_id) / count(*)
        from core.dim_customers
        cross join (select distinct purpose from core.customer_consents) as asked
        left join yes on yes.purpose = asked.purpose and yes.customer_id = dim_customers.customer_id
        group by all order by all
        """,
    ),
    "identity": (
        ["identifiers", "identified_customers", "identity_consolidation_rate"],
        [],
        """
        select count(*), count(distinct customer_id), 1 - count(distinct customer_id) / count(*)
        from identity.identity_map
        """,
    ),
}


@pytest.fixture(scope="module")
def metrics(demo_runs: DemoRuns) -> Iterator[Metrics]:
    with open_metrics(
        demo_runs.warehouse, demo_runs.folder / "target" / "semantic_manifest.json"
    ) as opened:
        yield opened


@pytest.mark.parametrize("question", PLAIN)
def test_metric_is_what_plain_sql_counts(
    metrics: Metrics, demo_runs: DemoRuns, question: str
) -> None:
    names, groups, query = PLAIN[question]

    found = metrics.query(*names, by=groups)

    assert _comparable(found) == _comparable(_rows(demo_runs, query))


def test_metric_along_days_has_a_row_for_every_day_of_the_calendar(
    metrics: Metrics, demo_runs: DemoRuns
) -> None:
    days = metrics.query("orders_per_day", by=["metric_time__day"])

    expected = _rows(
        demo_runs,
        """
        select date_day::timestamp, count(order_key) from core.dim_dates
        left join core.fct_orders on ordered_at::date = date_day and not is_cancelled
        group by all order by all
        """,
    )
    assert _comparable(days) == _comparable(expected)
    assert {orders for _, orders in days} > {0}


def test_every_metric_is_compared(metrics: Metrics) -> None:
    compared = {name for names, _, _ in PLAIN.values() for name in names}

    assert compared | {"orders_per_day"} == set(metrics.names)


def _rows(runs: DemoRuns, query: str) -> list[Row]:
    with duckdb.connect(str(runs.warehouse), read_only=True) as connection:
        connection.execute(
            "set variable as_of = (select max(as_of) from core.int_core__runs)"
        )
        return connection.execute(query).fetchall()


def _comparable(rows: list[Row]) -> list[Row]:
    """Numbers of whatever type to the ninth digit."""
    return [
        tuple(
            round(float(value), 9)
            if isinstance(value, int | float | Decimal)
            else value
            for value in row
        )
        for row in rows
    ]

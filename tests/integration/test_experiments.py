"""`kenning experiment` on the tables that the models build, beside plain SQL on the same tables."""

import json

import duckdb
import pytest

from tests.integration.conftest import DemoRuns

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# The demo's first run is its last: all members entered at as_of, so the year before stands in.
def test_plan_is_made_of_what_members_did_up_to_now(demo_runs: DemoRuns) -> None:
    run = demo_runs.kenning(
        *("experiment", "power", "lapsed_high_value"),
        *("--window-days", "365", "--before-days", "365", "--json"),
    )

    assert run.returncode == 0, run.stderr
    with duckdb.connect(str(demo_runs.published), read_only=True) as connection:
        [(members, share, spent)] = connection.execute(
            """
            with members as (
                select members.customer_id, members.evaluated_at as as_of
                from audiences.audience_lapsed_high_value as members
            )
            select
                count(*),
                avg(case when figures.order_count > 0 then 1.0 else 0.0 end),
                avg(figures.revenue_eur)
            from (
                select
                    members.customer_id,
                    count(orders.order_key) as order_count,
                    coalesce(sum(orders.revenue_eur), 0) as revenue_eur
                from members
                left join core.fct_orders as orders
                    on orders.customer_id = members.customer_id
                    and not orders.is_cancelled
                    and orders.ordered_at > members.as_of - interval 365 day
                    and orders.ordered_at <= members.as_of
                group by members.customer_id
            ) as figures
            """
        ).fetchall()
    plan = json.loads(run.stdout)
    assert share > 0
    assert plan["base"] == {
        "members": members,
        "observed": members,
        "is_after_entry": False,
    }
    assert plan["conversion"]["today"] == pytest.approx(share, abs=1e-6)
    assert plan["revenue_eur"]["today"] == pytest.approx(float(spent), abs=0.005)


def test_unknown_audience_is_refused_with_those_there_are(demo_runs: DemoRuns) -> None:
    run = demo_runs.kenning("experiment", "results", "lapsed_hihg_value")

    assert run.returncode == 2
    assert "Did you mean 'lapsed_high_value'?" in run.stderr

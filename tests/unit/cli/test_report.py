"""The demo's report, word for word."""

from dataclasses import replace

from cli.report import render_report
from orchestration.demo_report import DemoReport, SyncLine

REPORT = DemoReport(
    people=5000,
    seed=1,
    as_of="2026-06-30T00:00:00",
    landed={"segment": 900_000, "shopify": 45_678},
    unreadable_values=321,
    identifiers=48_210,
    customers=6_120,
    scored_people=5_000,
    scored_customers=5_040,
    precision=0.99123,
    recall=0.94,
    audiences={"cart_abandoners": 345, "lapsed_high_value": 210},
    syncs={
        "files__lapsed_high_value": SyncLine("files", 180, 0, 0, 0, 0, 180),
        "mailer__cart_abandoners": SyncLine("mailer", 300, 2, 1, 4, 7, 309),
    },
    checks_passed=402,
    checks_failed=0,
    checks_warned=2,
    seconds={"demo company": 6.25, "models and tests": 31.04, "total": 61.5},
)


def test_first_report_reads_as_a_page():
    assert (
        render_report(REPORT, None, ["make ui    runs", "make docs  models"])
        == """\
Nordvik: 5,000 people, seed 1, as of 2026-06-30T00:00:00

Raw tables: 945,678 rows
  segment                            900,000
  shopify                             45,678

Identity
  identifiers                         48,210
  customers                            6,120
  people behind them, in truth         5,000
  customers made of these              5,040
  pairwise precision                  0.9912
  pairwise recall                     0.9400
  raw values not readable                321

Audiences
  cart_abandoners                        345
  lapsed_high_value                      210

Sent
  files__lapsed_high_value      180 added, 0 changed, 0 removed, 0 left alone; files holds 180
  mailer__cart_abandoners       300 added, 2 changed, 1 removed, 7 left alone, 4 rejected; mailer holds 309

Checks
  passed                                 402
  failed                                   0
  warned                                   2

Seconds
  demo company                           6.2
  models and tests                      31.0
  total                                 61.5

Next
  make ui    runs
  make docs  models"""
    )


def test_second_report_tells_what_changed():
    later = replace(
        REPORT,
        landed={"segment": 900_000, "shopify": 45_700, "till": 3},
        customers=6_119,
        audiences={"cart_abandoners": 345, "lapsed_high_value": 211},
        syncs={
            "files__lapsed_high_value": SyncLine("files", 1, 0, 0, 0, 180, 181),
            "mailer__cart_abandoners": SyncLine("mailer", 0, 0, 0, 0, 309, 309),
        },
    )

    text = render_report(later, REPORT, [])

    assert (
        """
Since the run before
  raw rows, shopify                      +22
  raw rows, till                          +3
  customers                               -1
  members, lapsed_high_value              +1
  1 row left because it changed; 489 that did not were left alone.
"""
        in text
    )


def test_second_report_of_the_same_world_says_so():
    again = replace(
        REPORT,
        syncs={
            "files__lapsed_high_value": SyncLine("files", 0, 0, 0, 0, 180, 180),
        },
    )

    text = render_report(again, REPORT, [])

    assert (
        """
Since the run before
  The raw tables, the customers and the audiences are the same.
  0 rows left because they changed; 180 that did not were left alone.
"""
        in text
    )


def test_report_of_another_world_is_not_compared():
    other = replace(REPORT, people=100)

    assert "Since the run before" not in render_report(other, REPORT, [])

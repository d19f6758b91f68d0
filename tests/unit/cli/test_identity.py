"""What `kenning identity` prints, and how it exits."""

from datetime import datetime

import pytest

from cli import main as command_line
from cli.identity import render_audit, render_simulation, render_story
from identity.audit import Audit, Suspect, TypeLine, WeakSpot
from identity.bridges import Cut
from identity.comparison import AudienceChange, Comparison, Reshaping, Totals
from identity.identifiers import Identifier, masked
from identity.story import BorneId, Change, Member, Story
from orchestration.identity_simulation import Simulation
from tests.identity_tables import TABLES
from warehouse.connection import open_warehouse
from warehouse.target import Target


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    path = tmp_path / "kenning.duckdb"
    monkeypatch.setenv("KENNING_DUCKDB_PATH", str(path))
    return path


@pytest.fixture
def kenning(path, capsys):
    with open_warehouse(Target(name="t", engine="duckdb", path=path)) as warehouse:
        warehouse.execute(TABLES)

    def run(*arguments):
        exit_code = command_line.main(["identity", *arguments])
        captured = capsys.readouterr()
        return exit_code, captured.out, captured.err

    return run


def test_explanation_reads_from_one_identifier_to_the_other(kenning):
    exit_code, out, _ = kenning("explain", "ada@x.example", "+31611111111")

    assert exit_code == 0
    assert (
        out
        == """\
One customer: c_ada

2 links from one to the other:

email:ada@x.example
  | record stg_shop__orders o1  2026-01-01 00:00 to 2026-03-01 00:00  3 records
  | record stg_shop__customers s1  when is not known  1 record
user_id:u1
  | record stg_crm__contacts n1  2026-01-04 00:00  1 record
phone:+31611111111
"""
    )


def test_explanation_of_two_customers_names_the_rules(kenning, path):
    with open_warehouse(Target(name="t", engine="duckdb", path=path)) as warehouse:
        warehouse.execute(
            "insert into identity.int_identity__overrides values "
            "('never_link', 1, 7, 'r-7', true)"
        )

    _, out, _ = kenning("explain", "ada@x.example", "u2")

    assert (
        out
        == """\
Not one customer

  email:ada@x.example  c_ada
  user_id:u2           c_grace

Kept apart by never-link rules: r-7

Links between them that a rule keeps from merging:
  user_id:u2  device_id:tablet
    max_linked: seen with 2 values of user_id, allowed are 1
    | record stg_web__pages p10  2026-01-07 00:00  1 record
"""
    )


def test_shared_identifier_on_the_way_is_told(kenning):
    _, out, _ = kenning("explain", "u1", "tablet")

    assert "  | the device_id is shared: it merges nobody\n" in out


def test_blocked_identifier_is_nobodys(kenning):
    _, out, _ = kenning("explain", "info@x.example", "u1")

    assert "  email:info@x.example  nobody's: blocked\n" in out
    assert out.endswith("No record names identifiers of both.\n")


def test_story_of_a_customer_is_printed(kenning):
    exit_code, out, _ = kenning("show", "c_phone")

    assert exit_code == 0
    assert out.startswith(
        "Customer c_ada\n\nIdentifiers (5), in the order first seen\n"
    )
    assert (
        "  2026-01-05 00:00  device_id:tablet (shared)  with user_id:u1 in "
        "stg_web__pages p9\n"
    ) in out
    assert "  c_phone  merged  runs 1 to 1\n" in out
    assert (
        "c_phone -> c_ada  1 identifier  new edge: user_id:u1 - phone:+31611111111 in "
        "stg_crm__contacts n1\n"
    ) in out


def test_audit_prints_values_unless_masked(kenning, path):
    with open_warehouse(Target(name="t", engine="duckdb", path=path)) as warehouse:
        warehouse.execute("""
            insert into identity.int_identity__registry values
                (20, 'user_id', 'user-9', 'c_u9'), (21, 'phone', '+4791234567', 'c_21');
            insert into identity.int_identity__assignments values
                (20, 1, 1, false), (21, 1, 1, false);
            insert into identity.int_identity__records values
                (120, 'stg_shop__orders', 'o9', 1, null, null);
            insert into identity.int_identity__links values
                (120, 20, 4, true, true), (120, 20, 21, true, true);
        """)

    _, plain, _ = kenning("audit", "--limit", "1")
    _, hidden, _ = kenning("audit", "--limit", "1", "--masked")

    assert "identifier phone:+31611111111  parts 3 | 2, held by 1 record" in plain
    assert "identifier phone:+…1 (12)  parts 3 | 2, held by 1 record" in hidden
    assert "+31611111111" not in hidden


def test_rule_is_written_listed_and_lifted(kenning):
    exit_code, out, _ = kenning(
        "unmerge",
        "ada@x.example",
        "+31611111111",
        "--reason",
        "twins",
        "--author",
        "Grace",
    )
    rule_id = out.split(":")[0]

    assert exit_code == 0
    assert out == (
        f"{rule_id}: email:ada@x.example and phone:+31611111111 are two customers "
        "(one customer as last built).\nThe next build applies it: kenning build\n"
    )
    assert (
        f"{rule_id}  never link  email:ada@x.example  phone:+31611111111\n"
        in (kenning("rules")[1])
    )
    assert kenning("lift", rule_id)[1].startswith(f"{rule_id} is lifted: never link ")
    assert kenning("rules")[1].startswith("No link rule.")


def test_same_rule_twice_is_said_to_be_there(kenning):
    kenning("link", "ada@x.example", "u2", "--reason", "same card")

    exit_code, out, _ = kenning("link", "u2", "ada@x.example", "--reason", "again")

    assert exit_code == 0
    assert out.endswith("are one customer. Nothing was written.\n")


def test_contradiction_is_one_message_and_exit_code_1(kenning):
    kenning("link", "ada@x.example", "u2", "--reason", "same card")

    exit_code, out, err = kenning("unmerge", "u2", "ada@x.example", "--reason", "no")

    assert (exit_code, out) == (1, "")
    assert err.startswith("kenning: Rule 'r-")
    assert err.count("\n") == 1


def test_rule_without_a_warehouse_makes_none(path, capsys):
    exit_code = command_line.main(["identity", "link", "a", "b", "--reason", "x"])

    assert exit_code == 1
    assert "does not exist" in capsys.readouterr().err
    assert not path.exists()


def test_rules_file_that_is_missing_is_exit_code_2(kenning, tmp_path):
    exit_code, _, err = kenning("simulate", "--rules", str(tmp_path / "none.yml"))

    assert exit_code == 2
    assert "cannot be read" in err


def test_rule_needs_a_reason():
    with pytest.raises(SystemExit) as stopped:
        command_line.main(["identity", "link", "a", "b"])

    assert stopped.value.code == 2


SUSPECT = Suspect(
    customer_id="c_1",
    identifier_count=1_200,
    identifiers_per_type="user_id:40 email:1160",
    edge_count=1_500,
    is_supercluster=True,
    trust_score=0.2,
    is_searched=True,
    weak_spots=(
        WeakSpot(
            (Identifier("user_id", "u1"), Identifier("phone", "+31611111111")),
            Cut((1, 2), (800, 400), 2),
        ),
    ),
)


def test_audit_reads_as_a_page():
    audit = Audit(
        supercluster_count=1,
        suspects=(SUSPECT,),
        types=(TypeLine("device_id", 59, 3, 5.0, 7),),
        findings={("email", "burst"): 4},
    )

    assert (
        render_audit(audit, show=masked)
        == """\
1 supercluster, 1 customer looked into

c_1  supercluster, 1,200 identifiers, 1,500 links, trust 0.20
  user_id:40 email:1160
  0.33  link user_id:… - phone:+…1 (12)  parts 800 | 400, held by 2 records

Types whose values several customers share
  device_id  3 of 59 values  5.0 customers each  at most 7

Values to review (identity.identity_review)
  email  burst  4"""
    )


def test_story_that_is_cut_short_says_so():
    member = Member(
        Identifier("email", "a@x.no"), "active", False, 1, None, None, None, None
    )
    change = Change(
        "split", 3, datetime(2026, 6, 1), "c1", "c2", 4, "limit", (), None, None
    )
    story = Story("c1", 9, (member,), (BorneId("c1", "active", 1, None),), (change,))

    text = render_story(story)

    assert "  ----------------  email:a@x.no\n  and 8 more" in text
    assert "  2026-06-01 00:00  run 3  split  c1 -> c2  4 identifiers  limit" in text


def test_simulation_reads_as_a_page():
    comparison = Comparison(
        before=Totals(2_785, 619, (("c_1", 19),)),
        after=Totals(2_784, 620, (("c_1", 12),)),
        moved_count=7,
        gone_count=1,
        new_count=0,
        splits=(Reshaping("c_1", (("c_1", 12), ("c_9", 7))),),
        merges=(),
        audiences=(AudienceChange("lapsed", 16, 15, 1, 2),),
    )
    simulation = Simulation(comparison, datetime(2026, 6, 30), None, ("r-1",))

    assert (
        render_simulation(simulation)
        == """\
Proposed rules on all customers, as of 2026-06-30 00:00. Nothing was changed.

What follows includes 1 link rule written since the last build: r-1.

  customers                  619    ->  620    +1
  identifiers                2,785  ->  2,784  -1
  with another customer id   7
  that leave the graph       1
  that come into it          0
  customers that part        1
  customers made of several  0

Splits
  c_1  parts into 2:  c_1 (12), c_9 (7)

Biggest customers, before
  c_1  19 identifiers

Biggest customers, after
  c_1  12 identifiers

Audiences
  lapsed  16  ->  15  1 enter, 2 leave"""
    )

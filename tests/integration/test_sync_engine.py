"""A sync from the model to the destination and back: what goes, what stays, what is told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reverse_etl.counts import Counts
from reverse_etl.destinations.memory import (
    CAPABILITIES,
    Fault,
    MemoryDestination,
    Moment,
)
from reverse_etl.errors import (
    BatchRefusedError,
    ContractError,
    RetryableDeliveryError,
    SpecError,
    SyncConfigurationError,
)
from reverse_etl.modes import Mode, Op
from reverse_etl.run_outcomes import RunStatus
from reverse_etl.spec import FieldMapping, Guards
from tests.sync_world import SyncWorld, memory_destination, open_sync_world, rows_of
from warehouse.connection import open_warehouse

ADA = ("a", "Ada", 3)
BO = ("b", "Bo", 1)
CY = ("c", None, None)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path) as opened:
        opened.have_people(ADA, BO, CY)
        opened.have_consents("a", "b", "c")
        yield opened


def test_first_run_adds_every_row_with_nulls_and_constants(world):
    destination = MemoryDestination()

    report = world.run(destination)

    assert report.status is RunStatus.SUCCEEDED
    assert (report.added, report.changed, report.removed) == (3, 0, 0)
    assert destination.records == {
        "a": {"first_name": "Ada", "order_count": 3, "list": "people"},
        "b": {"first_name": "Bo", "order_count": 1, "list": "people"},
        "c": {"first_name": None, "order_count": None, "list": "people"},
    }


def test_second_run_over_unchanged_rows_makes_no_request(world):
    destination = MemoryDestination()
    world.run(destination)

    report = world.run(destination)

    assert (report.status, report.requests, report.unchanged) == ("succeeded", 0, 3)
    assert len(destination.batches) == 1


def test_only_what_differs_is_sent_removals_first_then_changes_then_additions(world):
    destination = memory_destination(max_batch_rows=2)
    world.run(destination)
    destination.batches.clear()
    world.have_people(("b", "Bo", 2), CY, ("e", "Eve", 0), ("d", "Di", 0))
    world.have_consents("d", "e")

    world.run(destination)

    assert rows_of(destination) == [
        ((Op.REMOVE, "a"),),
        ((Op.CHANGE, "b"), (Op.ADD, "d")),
        ((Op.ADD, "e"),),
    ]


def test_a_value_that_becomes_null_is_a_change_and_back(world):
    destination = MemoryDestination()
    world.run(destination)

    world.have_people(("a", None, 3), BO, CY)
    to_null = world.run(destination)
    world.have_people(ADA, BO, CY)
    back = world.run(destination)

    assert (to_null.changed, back.changed) == (1, 1)
    assert destination.records["a"]["first_name"] == "Ada"


def test_a_row_without_consent_never_goes_out(world):
    world.have_only_consents("a")
    world.have_consents("b", purpose="ads")
    world.have_consents("c", is_granted=False)
    destination = MemoryDestination()

    report = world.run(destination)

    assert list(destination.records) == ["a"]
    assert (report.added, report.skipped_no_consent) == (1, 2)


def test_contradictory_consent_counts_as_none(world):
    world.have_consents("a", is_granted=False)
    destination = MemoryDestination()

    world.run(destination)

    assert list(destination.records) == ["b", "c"]


def test_a_row_whose_customer_is_unknown_never_goes_out(world):
    world.warehouse.execute(
        "update activation.sync_mailer__people set customer_id = null "
        "where person_key = 'a'"
    )
    destination = MemoryDestination()

    world.run(destination)

    assert list(destination.records) == ["b", "c"]


@pytest.mark.parametrize("mode", [Mode.MIRROR, Mode.UPSERT])
def test_withdrawn_consent_removes_the_row_in_every_mode(world, mode):
    world.change_spec(mode=mode)
    destination = MemoryDestination()
    world.run(destination)
    world.have_only_consents("a", "c")

    report = world.run(destination)

    assert list(destination.records) == ["a", "c"]
    assert (report.removed, report.skipped_no_consent) == (1, 1)


def test_upsert_keeps_a_row_that_left_the_model_while_consent_holds(world):
    world.change_spec(mode=Mode.UPSERT)
    destination = MemoryDestination()
    world.run(destination)
    world.have_people(BO, CY)

    report = world.run(destination)

    assert list(destination.records) == ["a", "b", "c"]
    assert (report.planned, report.requests) == (0, 0)


def test_upsert_removes_a_row_that_left_the_model_with_its_consent(world):
    world.change_spec(mode=Mode.UPSERT)
    destination = MemoryDestination()
    world.run(destination)
    world.have_people(BO, CY)
    world.have_only_consents("b", "c")

    world.run(destination)

    assert list(destination.records) == ["b", "c"]


def test_consent_follows_the_customer_that_a_held_row_was_merged_into(world):
    world.change_spec(mode=Mode.UPSERT)
    destination = MemoryDestination()
    world.run(destination)
    world.warehouse.execute(
        "update activation.sync_mailer__people set customer_id = 'customer of b' "
        "where person_key = 'a'"
    )
    world.run(destination)
    world.have_people(BO, CY)
    world.have_only_consents("b", "c")

    report = world.run(destination)

    assert report.removed == 0
    assert list(destination.records) == ["a", "b", "c"]


def test_without_a_purpose_nobody_is_asked_for_consent(world):
    world.change_spec(purpose=None)
    world.warehouse.execute("drop table core.customer_consents")
    destination = MemoryDestination()

    report = world.run(destination)

    assert (report.added, report.skipped_no_consent) == (3, 0)


def test_rows_without_a_key_or_with_a_shared_one_are_invalid_and_the_rest_goes(world):
    world.have_people(ADA, BO, ("b", "Bob", 9), (None, "Nobody", 1), ("  ", "Blank", 1))
    world.have_consents("  ", "None")
    destination = MemoryDestination()

    report = world.run(destination)

    assert list(destination.records) == ["a"]
    assert (report.added, report.invalid) == (1, 4)


def test_a_held_key_that_becomes_shared_is_left_alone(world):
    destination = MemoryDestination()
    world.run(destination)
    world.have_people(ADA, BO, ("b", "Bob", 9), CY)

    report = world.run(destination)

    assert (report.planned, report.invalid) == (0, 2)
    assert destination.records["b"]["first_name"] == "Bo"


def test_a_held_key_that_becomes_shared_leaves_where_all_is_written_anew(world):
    destination = memory_destination(max_batch_rows=None)
    world.run(destination)
    world.have_people(ADA, BO, ("b", "Bob", 9), CY)
    shared = world.run(destination)
    world.have_people(ADA, BO, CY)

    resolved = world.run(destination)

    assert (shared.removed, resolved.added) == (1, 1)


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize(
    "error", [RetryableDeliveryError("busy", is_in_doubt=True), BatchRefusedError("no")]
)
def test_a_whole_run_that_is_not_taken_fails_and_goes_with_the_next(
    world, error, moment
):
    destination = memory_destination(max_batch_rows=None)
    destination.faults.append(Fault(error, moment))

    failed = world.run(destination)
    sent = world.run(destination)
    idle = world.run(destination)

    assert failed.status is RunStatus.FAILED
    assert failed.message is not None
    assert sent.status is RunStatus.SUCCEEDED
    assert (idle.planned, idle.requests) == (0, 0)
    assert set(destination.records) == {"a", "b", "c"}


def test_a_shared_key_with_one_withdrawal_is_removed(world):
    destination = MemoryDestination()
    world.run(destination)
    world.warehouse.execute(
        "insert into activation.sync_mailer__people values ('b', 'stranger', 'Bob', 9)"
    )

    world.run(destination)

    assert list(destination.records) == ["a", "c"]


def test_rejected_rows_do_not_enter_the_snapshot_and_wait_until_they_change(world):
    destination = MemoryDestination(refused_keys=frozenset({"b"}))
    first = world.run(destination)
    second = world.run(destination)
    world.have_people(ADA, ("b", "Bo", 99), CY)

    third = world.run(destination)

    assert (first.added, first.rejected) == (2, 1)
    assert (second.requests, second.waiting) == (0, 1)
    assert (third.requests, third.rejected, third.waiting) == (1, 1, 0)
    assert list(world.snapshot()) == ["a", "c"]
    assert world.rows(
        "select error_class, error_code, attempt_count from retl.sync_rejected"
    ) == [("INVALID_FIELD", "refused", 2)]


def test_a_rejection_is_forgotten_once_the_row_is_accepted_or_gone(world):
    world.run(MemoryDestination(refused_keys=frozenset({"b", "c"})))
    world.have_people(ADA, ("b", "Bo", 99))

    world.run(MemoryDestination())

    assert world.rows("select * from retl.sync_rejected") == []


def test_an_empty_model_holds_the_run_before_anything_is_sent(world):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(guards=Guards(max_remove_rate=1.0))
    world.have_people()

    report = world.run(destination)

    assert report.status is RunStatus.HELD
    assert (report.held, report.requests) == (3, 0)
    assert len(destination.records) == 3
    assert "the model is empty while the destination holds 3 rows" in report.message


def test_a_mass_removal_holds_the_run_and_names_the_limit_and_the_file(world):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(guards=Guards(max_remove_rate=0.5))
    world.have_people(ADA)

    report = world.run(destination)

    assert report.status is RunStatus.HELD
    assert (
        "2 would be removed, against 3 rows that are held (66.7%, limit 50.0%)"
        in report.message
    )
    assert "max_remove_rate under guards in models/activation" in report.message


def test_a_mapping_that_changes_every_row_is_held_by_the_change_guard(world):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(
        guards=Guards(),
        mapping=(*world.spec.mapping, FieldMapping("source", constant="kenning")),
    )

    report = world.run(destination)

    assert report.status is RunStatus.HELD
    assert [finding.guard for finding in report.findings] == [
        "max_change_rate",
        "mapping_change",
    ]


def test_a_sync_that_now_points_elsewhere_is_refused(world):
    world.run(MemoryDestination())
    world.change_spec(object="leads")

    with pytest.raises(SyncConfigurationError) as caught:
        world.run(MemoryDestination())

    assert "now points to mailer/leads (key person_key)" in str(caught.value)
    assert "what it sent is in mailer/contacts (key person_key)" in str(caught.value)


def test_a_sync_that_sent_nothing_yet_may_be_pointed_elsewhere(world):
    world.have_only_consents()
    world.run(MemoryDestination())
    world.change_spec(object="leads")

    assert world.run(MemoryDestination()).status is RunStatus.SUCCEEDED


def test_a_value_that_json_cannot_say_is_refused_by_its_field_and_the_rest_goes(world):
    world.warehouse.execute(
        "alter table activation.sync_mailer__people add column score double"
    )
    world.warehouse.execute(
        "update activation.sync_mailer__people set score = 'nan' where person_key = 'b'"
    )
    world.change_spec(mapping=(FieldMapping("score", column="score"),))
    destination = MemoryDestination()

    report = world.run(destination)

    assert (report.status, report.added, report.rejected) == ("succeeded", 2, 1)
    assert list(destination.records) == ["a", "c"]
    assert world.rows(
        "select error_class, error_code, error_field, next_retry_at "
        "from retl.sync_rejected"
    ) == [("INVALID_FIELD", "not_sent", "score", None)]


def test_every_type_that_a_model_may_have_is_sent_as_json_says_it(world):
    world.warehouse.execute(
        "create or replace table activation.sync_mailer__people as select "
        "'a' as person_key, 'customer of a' as customer_id, "
        "uuid '6a0b7a2e-0000-4000-8000-000000000000' as id, "
        "'gold'::enum('gold', 'silver') as tier, 12.50::decimal(18, 2) as amount, "
        "true as is_vip, date '2026-06-30' as day, "
        "timestamp '2026-06-30 12:00:00' as moment, 0.25::double as share, "
        "170141183460469231731687303715884105727::hugeint as huge"
    )
    names = ("id", "tier", "amount", "is_vip", "day", "moment", "share", "huge")
    world.change_spec(mapping=tuple(FieldMapping(name, column=name) for name in names))
    destination = MemoryDestination()

    world.run(destination)

    assert destination.records["a"] == {
        "id": "6a0b7a2e-0000-4000-8000-000000000000",
        "tier": "gold",
        "amount": 12.5,
        "is_vip": True,
        "day": "2026-06-30",
        "moment": "2026-06-30T12:00:00Z",
        "share": 0.25,
        "huge": "170141183460469231731687303715884105727",
    }


def test_a_model_that_is_not_built_says_what_to_build(world):
    world.warehouse.execute("drop table activation.sync_mailer__people")

    with pytest.raises(
        ContractError, match=r"dbt build --select \+sync_mailer__people"
    ):
        world.run(MemoryDestination())


def test_a_mapped_column_that_is_missing_is_named_and_nothing_is_sent(world):
    world.warehouse.execute(
        "alter table activation.sync_mailer__people drop column order_count"
    )
    destination = MemoryDestination()

    with pytest.raises(ContractError, match="needs order_count of activation"):
        world.run(destination)

    assert destination.request_count == 0


def test_a_missing_consent_table_stops_the_run(world):
    world.warehouse.execute("drop table core.customer_consents")

    with pytest.raises(ContractError, match="customer_consents"):
        world.run(MemoryDestination())


def test_a_purpose_that_nobody_was_asked_for_is_an_error_and_no_withdrawal(world):
    destination = MemoryDestination()
    world.run(destination)
    world.have_consents("a", purpose="analytics")
    world.have_consents("a", purpose="sms_marketing", is_granted=False)
    world.change_spec(purpose="email_marketting")

    with pytest.raises(
        SpecError,
        match=r"purpose 'email_marketting', which no row of core\.customer_consents has"
        r".*: email_marketing, sms_marketing, analytics",
    ):
        world.run(destination)

    assert list(destination.records) == ["a", "b", "c"]


def test_a_purpose_that_everybody_refused_withdraws_and_is_no_error(world):
    destination = MemoryDestination()
    world.run(destination)
    world.warehouse.execute("update core.customer_consents set is_granted = false")

    report = world.run(destination)

    assert report.removed == 3


def test_with_nobody_asked_for_anything_nothing_goes_and_that_is_no_error(world):
    world.have_only_consents()
    destination = MemoryDestination()

    report = world.run(destination)

    assert (report.added, report.skipped_no_consent) == (0, 3)


def test_a_plan_says_what_a_run_would_do_and_writes_nothing(tmp_path, world):
    plan = world.plan()

    assert plan.counts == Counts(add=3, source=3)
    assert not plan.is_held
    assert world.warehouse.tables() == {
        ("activation", "sync_mailer__people"),
        ("core", "customer_consents"),
    }


def test_a_plan_is_made_on_a_warehouse_that_may_only_be_read(tmp_path):
    with open_sync_world(tmp_path) as world:
        world.have_people(ADA, BO)
        world.have_consents("a")
        world.run(MemoryDestination())
        world.have_consents("b")
    with (
        open_warehouse(world.warehouse.target, read_only=True) as read_only,
        open_sync_world(tmp_path / "other") as other,
    ):
        other.warehouse = read_only

        plan = other.plan()

    assert plan.counts == Counts(add=1, unchanged=1, source=2, held=1)


def test_a_plan_that_a_guard_holds_says_so(world):
    world.run(MemoryDestination())
    world.change_spec(guards=Guards())
    world.have_people(ADA)

    plan = world.plan()

    assert plan.is_held
    assert plan.held == 2


def test_a_mode_that_the_destination_does_not_do_is_refused_before_anything(world):
    destination = MemoryDestination(
        replace(CAPABILITIES, modes=frozenset({Mode.UPSERT}))
    )

    with pytest.raises(SpecError, match="does not do mode 'mirror' with 'contacts'"):
        world.run(destination)

    assert destination.request_count == 0


def test_a_run_is_recorded_with_its_counts(world):
    report = world.run(MemoryDestination(refused_keys=frozenset({"b"})))

    assert world.rows(
        "select run_id, status, planned_count, added_count, rejected_count, "
        "request_count, object, mode, purpose from retl.sync_runs"
    ) == [
        (
            report.run_id,
            "succeeded",
            3,
            2,
            1,
            1,
            "contacts",
            "mirror",
            "email_marketing",
        )
    ]


def test_the_plans_rows_are_gone_when_the_run_is_over(world):
    world.run(MemoryDestination())

    assert ("retl", "plan__mailer__people") not in world.warehouse.tables()
    assert world.ledger.open_runs("mailer__people") == ()


def test_progress_is_told_in_counts(world):
    world.run(MemoryDestination())

    assert world.lines == [
        "0 to remove, 0 to change, 3 to add",
        "3 of 3 rows answered",
        "succeeded: 0 removed, 0 changed, 3 added, 0 rejected, "
        "0 in doubt, 0 not sent, 0 left, 1 request",
    ]

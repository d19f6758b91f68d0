"""What a person is told of a step that failed."""

from types import SimpleNamespace

from orchestration.summary import _failure


def failed(error: SimpleNamespace) -> SimpleNamespace:
    data = SimpleNamespace(user_failure_data=None, error=error)
    return SimpleNamespace(step_key="mailer__vips", step_failure_data=data)


def test_run_that_a_person_stopped_says_that_nothing_is_lost():
    error = SimpleNamespace(
        cls_name="DagsterExecutionInterruptedError", cause=None, message="dagster."
    )

    failure = _failure(failed(error), [])

    assert failure.message.startswith("The run was stopped from outside (Ctrl-C). ")
    assert failure.exit_code == 1


def test_other_error_is_told_in_its_own_words():
    cause = SimpleNamespace(cls_name="OSError", cause=None, message="the disk\nis full")
    error = SimpleNamespace(cls_name="StepError", cause=cause, message="step")

    assert _failure(failed(error), []).message == "the disk is full"

"""Runs expectations over a frame with Great Expectations.

The only module that imports the library, and only inside a function. Frames rather than SQL: ten
expectations over 50,000 rows took 0.27 s, and the library's SQL path needs a dialect with a patched
rollback on DuckDB (GX 1.24, 2026-11). Results are asked for without unexpected values.
"""

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestration.quality.expectations import Expectation, Outcome
from warehouse.errors import KenningError

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationValidationResult

_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


class ExpectationError(KenningError):
    """An expectation could not be evaluated, which is not the same as broken."""


def load_library() -> None:
    """Import Great Expectations now, so that nobody waits for it later."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations  # noqa: F401

    logging.getLogger("great_expectations").setLevel(logging.WARNING)


def validate(
    frame: "pd.DataFrame", expectations: Sequence[Expectation], *, name: str
) -> tuple[Outcome, ...]:
    """Evaluate every expectation over the frame.

    Args:
        frame: The rows; every column that an expectation names must be there, except for
            `expect_table_columns_to_match_set`, which is about just that.
        expectations: In the order in which the outcomes are wanted.
        name: What is looked at, for the message of an error.

    Raises:
        ExpectationError: The library could not evaluate one of them.
    """
    load_library()
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )
    from great_expectations.expectations.metadata_types import FailureSeverity

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    suite = gx.ExpectationSuite(
        name=name,
        expectations=[
            ExpectationConfiguration(
                type=expectation.name,
                kwargs=dict(expectation.arguments)
                | ({"column": expectation.column} if expectation.column else {}),
                severity=FailureSeverity(expectation.severity.value),
                # Carried through, because the library answers in an order of its own.
                meta={"position": position},
            )
            for position, expectation in enumerate(expectations)
        ],
    )
    batch = (
        context.data_sources.add_pandas("frames")
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("all")
    )
    definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.suites.add(suite)
        context.validation_definitions.add(definition)
        result = definition.run(
            batch_parameters={"dataframe": frame}, result_format=_COUNTS_ONLY
        )
    by_position = {_position(entry): entry for entry in result.results}
    return tuple(
        _outcome(expectation, by_position[position], row_count=len(frame), name=name)
        for position, expectation in enumerate(expectations)
    )


def _position(entry: "ExpectationValidationResult") -> int:
    configuration = entry.expectation_config
    meta = (configuration.meta if configuration else None) or {}
    return int(meta["position"])


def _outcome(
    expectation: Expectation,
    entry: "ExpectationValidationResult",
    *,
    row_count: int,
    name: str,
) -> Outcome:
    _refuse_exceptions(expectation, entry, name=name)
    unexpected = (entry.result or {}).get("unexpected_count")
    return Outcome(
        expectation=expectation,
        is_met=bool(entry.success),
        row_count=row_count,
        unexpected_count=None if unexpected is None else int(unexpected),
    )


def _refuse_exceptions(
    expectation: Expectation, entry: "ExpectationValidationResult", *, name: str
) -> None:
    """A missing column comes back as an unmet expectation with an empty result."""
    information: Mapping[str, object] = entry.exception_info or {}
    details = (
        [information]
        if "raised_exception" in information
        else [value for value in information.values() if isinstance(value, dict)]
    )
    if any(detail.get("raised_exception") for detail in details):
        raise ExpectationError(
            f"{expectation.name} on {expectation.column} of {name} could not be evaluated. "
            "Check that the column is there and of the type that the suite in "
            "orchestration/quality/ expects."
        )

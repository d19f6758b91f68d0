"""Splink on the same lists of people: comparisons, blocking and training of its own worked examples.

https://moj-analytical-services.github.io/splink/demos/examples/examples_index.html, in the version of
Splink 5: febrl3 for all FEBRL lists, the tutorial for fake_1000, the 50,000 historical people for the last.
It is given the lists as they are, trimmed.
"""

import logging
import time
from dataclasses import dataclass
from typing import Any

import duckdb

THRESHOLDS = (0.5, 0.95, 0.99)
SEED = 20261121


@dataclass(frozen=True, slots=True)
class Model:
    """How Splink is set up for a list of people.

    Attributes:
        comparisons: How two records are compared, column by column.
        blocking: Which pairs of records are compared at all.
        certain: Rules that hardly ever err, by which it is guessed how many pairs match.
        recall_of_certain: The share of the matches that they are thought to find.
        trained_on: Rules of the pairs on which the weights are trained.
        records: SQL of the records.
    """

    comparisons: list[Any]
    blocking: list[Any]
    certain: list[str]
    recall_of_certain: float
    trained_on: list[Any]
    records: str = "from people.original"


def clusters_of(
    connection: duckdb.DuckDBPyConnection, name: str
) -> dict[float, tuple[str, float]]:
    """Cluster people.record at every threshold.

    Returns:
        Per threshold the table (record_id, cluster_id) and the seconds from raw table to clusters,
        training included.
    """
    from splink import DuckDBAPI, Linker, SettingsCreator

    logging.getLogger("splink").setLevel(logging.ERROR)
    model = MODELS["febrl" if name.startswith("febrl") else name]()
    connection.execute(f"create table splink_input as {model.records}")
    started = time.perf_counter()
    interface = DuckDBAPI(connection)
    linker = Linker(
        interface.register("splink_input"),
        SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="record_id",
            comparisons=model.comparisons,
            blocking_rules_to_generate_predictions=model.blocking,
        ),
        log_level=logging.ERROR,
    )
    linker.training.estimate_probability_two_random_records_match(
        model.certain, recall=model.recall_of_certain
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=SEED)
    for rule in model.trained_on:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    scored = linker.inference.predict(threshold_match_probability=0.01)
    found = {}
    for threshold in THRESHOLDS:
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            scored, threshold_match_probability=threshold
        )
        table = f"splink_clusters_{str(threshold).replace('.', '_')}"
        connection.execute(
            f"create or replace table {table} as "
            f"select record_id, cluster_id::varchar as cluster_id from {clusters.physical_name}"
        )
        found[threshold] = (table, round(time.perf_counter() - started, 1))
    return found


def febrl() -> Model:
    """Of the example febrl3."""
    import splink.comparison_library as compare
    from splink import block_on

    return Model(
        comparisons=[
            compare.NameComparison("given_name"),
            compare.NameComparison("surname"),
            compare.DateOfBirthComparison(
                "date_of_birth", input_is_string=True, datetime_format="%Y%m%d"
            ),
            compare.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
            compare.ExactMatch("street_number").configure(
                term_frequency_adjustments=True
            ),
            compare.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(
                term_frequency_adjustments=True
            ),
        ],
        blocking=[
            block_on("soc_sec_id"),
            block_on("given_name"),
            block_on("surname"),
            block_on("date_of_birth"),
            block_on("postcode"),
        ],
        certain=[
            "l.soc_sec_id = r.soc_sec_id",
            "l.given_name = r.given_name and l.surname = r.surname "
            "and l.date_of_birth = r.date_of_birth",
            "l.given_name = r.surname and l.surname = r.given_name "
            "and l.date_of_birth = r.date_of_birth",
        ],
        recall_of_certain=0.9,
        trained_on=[block_on("substr(date_of_birth, 1, 3)"), block_on("postcode")],
    )


def fake_1000() -> Model:
    """Of the tutorial."""
    import splink.comparison_library as compare
    from splink import block_on

    return Model(
        comparisons=[
            compare.NameComparison("first_name"),
            compare.NameComparison("surname"),
            compare.DateOfBirthComparison("dob", input_is_string=True),
            compare.ExactMatch("city").configure(term_frequency_adjustments=True),
            compare.EmailComparison("email"),
        ],
        blocking=[block_on("first_name"), block_on("surname"), block_on("dob")],
        certain=[
            "l.first_name = r.first_name and l.dob = r.dob",
            "l.email = r.email",
        ],
        recall_of_certain=0.7,
        trained_on=[block_on("first_name", "surname"), block_on("dob")],
    )


def historical_50k() -> Model:
    """Of the example of 50,000 historical people."""
    import splink.comparison_library as compare
    from splink import block_on

    return Model(
        comparisons=[
            compare.ForenameSurnameComparison(
                "first_name",
                "surname",
                forename_surname_concat_col_name="first_and_surname",
            ),
            compare.DateOfBirthComparison("dob", input_is_string=True),
            compare.LevenshteinAtThresholds("postcode_fake", [1, 2]),
            compare.ExactMatch("birth_place").configure(
                term_frequency_adjustments=True
            ),
            compare.ExactMatch("occupation").configure(term_frequency_adjustments=True),
        ],
        blocking=[
            block_on("first_name", "surname"),
            block_on("surname", "dob"),
            block_on("first_name", "dob"),
            block_on("postcode_fake", "first_name"),
            block_on("postcode_fake", "surname"),
            block_on("dob", "birth_place"),
            block_on("substr(postcode_fake, 1, 3)", "dob"),
            block_on("substr(postcode_fake, 1, 3)", "first_name"),
            block_on("substr(postcode_fake, 1, 3)", "surname"),
            block_on(
                "substr(first_name, 1, 2)", "substr(surname, 1, 2)", "substr(dob, 1, 4)"
            ),
        ],
        certain=[
            "l.first_name = r.first_name and l.surname = r.surname and l.dob = r.dob",
            "substr(l.first_name, 1, 2) = substr(r.first_name, 1, 2) "
            "and l.surname = r.surname "
            "and substr(l.postcode_fake, 1, 2) = substr(r.postcode_fake, 1, 2)",
            "l.dob = r.dob and l.postcode_fake = r.postcode_fake",
        ],
        recall_of_certain=0.6,
        trained_on=[block_on("first_name", "surname"), block_on("dob")],
        records="select * exclude (first_and_surname), "
        "first_name || ' ' || surname as first_and_surname from people.original",
    )


MODELS = {"febrl": febrl, "fake_1000": fake_1000, "historical_50k": historical_50k}

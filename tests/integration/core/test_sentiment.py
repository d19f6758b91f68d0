"""The sentiment of labelled support texts, told by the real models, is right as often as the docs say."""

import re

import pytest

from tests.sentiment_lines import LANGUAGES, PROJECT, accuracy, labels, lines

Labels = dict[str, tuple[str | None, str | None, float | None]]

DECISION = PROJECT / "docs" / "decisions" / "0015-sentiment-by-a-list-of-words.md"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Labels:
    return labels(tmp_path_factory.mktemp("sentiment"))


def test_there_are_fifty_lines_of_each_language_and_half_are_held_out() -> None:
    for language in LANGUAGES:
        mine = [line for line in lines() if line["language"] == language]
        assert len({line["text"] for line in mine}) == 50
        assert 20 <= sum(line["part"] == "held_out" for line in mine) <= 30
        assert {line["label"] for line in mine} == {"positive", "neutral", "negative"}


def test_the_documented_accuracy_is_the_measured_one(found: Labels) -> None:
    documented = {
        language: (float(held_out), float(tuning))
        for language, held_out, tuning in re.findall(
            r"^\| (\w\w) \| ([0-9.]+) \| ([0-9.]+) \|$",
            DECISION.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    }
    held_out, tuning = accuracy(found, "held_out"), accuracy(found, "tuning")

    assert documented == {
        language: (round(held_out[language], 2), round(tuning[language], 2))
        for language in LANGUAGES
    }


def test_languages_are_told_apart(found: Labels) -> None:
    right = sum(found[line["line_id"]][0] == line["language"] for line in lines())

    assert right / len(lines()) >= 0.97

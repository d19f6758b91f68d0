"""How often the sentiment of support texts is right, by language, as JSON.

    python -m tests.benchmarks.bench_sentiment

The labelled lines of tests/golden/sentiment go through the real models. `held_out` is the half that was set aside
while the list of words was written; `tuning` is the other.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.sentiment_lines import accuracy, labels, lines


def main() -> None:
    """Print the shares of right labels, and of right languages."""
    with tempfile.TemporaryDirectory() as folder:
        found = labels(Path(folder))
    every = lines()
    measured = {
        "lines": len(every),
        "accuracy": {part: accuracy(found, part) for part in ("held_out", "tuning")},
        "language_accuracy": sum(
            found[line["line_id"]][0] == line["language"] for line in every
        )
        / len(every),
    }
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()

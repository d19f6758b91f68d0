"""Everything that is measured about identity resolution, part by part; prints JSON.

`python -m tests.benchmarks.bench_identity` measures every part, with `100m` those that have a size
of a hundred million edges. A part is a module that prints JSON, with its arguments; each runs in a process
of its own.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = {
    "kernel": "tests.benchmarks.bench_identity_kernel",
    "stage": "tests.benchmarks.bench_identity_stage",
    "accuracy_records": "tests.benchmarks.bench_identity_accuracy records",
    "accuracy_mess": "tests.benchmarks.bench_identity_accuracy mess",
    "accuracy_demo": "tests.benchmarks.bench_identity_accuracy demo",
}
PARTS_OF_100M = {"kernel": "tests.benchmarks.bench_identity_kernel"}


def main(arguments: list[str]) -> None:
    """Run the parts one after the other and print what they found, by name."""
    parts = PARTS_OF_100M if arguments == ["100m"] else PARTS
    found = {
        name: json.loads(
            subprocess.run(
                [sys.executable, "-m", *part.split(), *arguments],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        )
        for name, part in parts.items()
    }
    sys.stdout.write(f"{json.dumps(found, indent=2)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])

"""What becomes of a command whose reader goes away before it has said everything."""

import os
import subprocess
import sys

TALKATIVE = """
import argparse, sys
from cli import main
parser = argparse.ArgumentParser()
parser.set_defaults(command=lambda options: print("a line\\n" * 50_000) or 0)
main.build_parser = lambda: parser
sys.exit(main.main([]))
"""


def test_reader_that_has_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        run = subprocess.run(
            [sys.executable, "-c", TALKATIVE],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)

    assert (run.returncode, run.stderr) == (0, "")

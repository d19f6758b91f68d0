"""docs/how-to/try-a-destination.md: each of its commands, in its order, on a small project."""

import json
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.main import main
from demo.destination_simulator.faults import FaultKind
from tests.integration.tiny_company import change_raw

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PAGE = (Path(__file__).parents[2] / "docs/how-to/try-a-destination.md").read_text(
    "utf-8"
)
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()
]
PRINTED = next(block for kind, block in BLOCKS if kind == "text")
EXPOSURE = next(block for kind, block in BLOCKS if kind == "yaml")
PORT = "8900"

MODEL = "select customer_id, email from {{ ref('sync_files__customers') }}"
COLUMNS = """\
models:
  - name: sync_hubspot__customers
    description: One row per customer that HubSpot should hold.
    columns:
      - {name: customer_id, description: Key., config: {meta: {pii: none}}}
      - {name: email, description: E-mail address., config: {meta: {pii: email}}}

"""


@pytest.fixture
def simulator() -> Iterator[list[str]]:
    """What `kenning simulator` prints, as the page starts it but on a free port."""
    [command] = [line for line in COMMANDS if line.startswith("kenning simulator")]
    arguments = shlex.split(command)[1:]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "cli.main", *arguments, "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield [process.stdout.readline() for _ in PRINTED.splitlines()]
        process.terminate()


@pytest.fixture
def port(simulator: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The simulator's, with its lines in the environment."""
    for line in simulator:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            monkeypatch.setenv(name, value)
    found = re.search(r"127\.0\.0\.1:(\d+)", simulator[0])
    assert found is not None
    return found[1]


def curl(command: str, port: str) -> object:
    """What such a command prints: curl itself need not be installed."""
    program, *options, url = shlex.split(command.replace(PORT, port))
    assert program == "curl"
    body = None
    if options:
        assert options[0] == "--data"
        body = options[1].encode()
    with urllib.request.urlopen(url, data=body) as answer:
        return json.load(answer)


def test_it_prints_what_the_page_shows(simulator, port):
    assert "".join(simulator) == PRINTED.replace(PORT, port)


@pytest.mark.exhaustive
def test_every_command_of_the_page_does_what_it_says(workspace, port, capsys):
    folder = workspace.project_dir / "models/activation"
    (folder / "sync_hubspot__customers.sql").write_text(MODEL, "utf-8")
    (folder / "_hubspot.yml").write_text(COLUMNS + EXPOSURE, "utf-8")
    change_raw(
        workspace,
        "create view activation.sync_hubspot__customers as "
        "select customer_id, email from activation.sync_files__customers",
    )
    told: list[object] = []
    for command in COMMANDS[1:]:
        program, *arguments = shlex.split(command)
        match program:
            case "kenning":
                project = ("--project-dir", str(workspace.project_dir))
                assert main([*project, *arguments]) == 0, capsys.readouterr().err
                told.append(capsys.readouterr().out)
            case _:
                told.append(curl(command, port))

    plan, run, state, arrivals, scripted, _, again, *others = told
    assert "2 added" in str(plan)
    assert "2 added" in str(run)
    assert isinstance(state, dict)
    assert len(state["records"]["contacts"]) == 2
    assert isinstance(arrivals, list)
    assert {each["status"] for each in arrivals} == {200}
    assert scripted == {}
    assert "2 changed" in str(again)
    assert others == [{}, {}, {}, {}]
    assert curl(COMMANDS[3], port) == {**state, "records": {}}


def test_the_page_names_every_fault():
    table = PAGE.partition("| `kind` |")[2].partition("\n\n")[0]
    named = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1] if "|" in line else "")
    }

    assert named == {str(kind) for kind in FaultKind}


def test_the_pages_commands_are_of_two_kinds():
    assert {line.split()[0] for line in COMMANDS} == {"curl", "kenning"}

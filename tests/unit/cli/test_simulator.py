"""`kenning simulator` as a person meets it."""

import os
import signal
import subprocess
import sys

import httpx
import pytest

from cli import main as command_line
from cli.simulator import render_environs
from demo.destination_simulator import running_simulator


def test_it_prints_where_the_tools_are_and_answers_until_it_is_ended():
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "cli.main",
            "simulator",
            "--vendor",
            "mailer",
            "--port",
            "0",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(6)]
        url = lines[4].partition("=")[2]
        answer = httpx.get(
            f"{url}/v1/contacts",
            headers={"authorization": "Bearer simulated-token"},
            trust_env=False,
        )
        process.send_signal(signal.SIGTERM)
        exit_code = process.wait(timeout=10)

    assert lines[0].endswith(": Ctrl-C stops it")
    assert lines[2] == "export KENNING_ALLOW_PRIVATE_ADDRESSES=1"
    assert lines[4].startswith("export KENNING_MAILER_URL=http://127.0.0.1:")
    assert lines[5] == "export KENNING_MAILER_TOKEN=simulated-token"
    assert answer.json() == {"records": [], "next": None}
    assert exit_code == 0


def test_what_it_prints_is_for_a_shell():
    text = render_environs("http://x", [{"A": "1", "B": "two words"}, {"C": "3"}])

    assert text.splitlines() == [
        "# http://x: Ctrl-C stops it",
        "",
        "export A=1",
        "export B='two words'",
        "",
        "export C=3",
    ]


def test_an_unknown_tool_is_one_message_and_exit_code_2(capsys):
    exit_code = command_line.main(["simulator", "--vendor", "mailerr"])

    assert exit_code == 2
    assert "There is no simulated tool 'mailerr'" in capsys.readouterr().err


def test_a_taken_port_is_one_message_and_exit_code_2(capsys):
    with running_simulator(vendors=("mailer",)) as simulator:
        port = simulator.url.rpartition(":")[2]

        exit_code = command_line.main(
            ["simulator", "--vendor", "mailer", "--port", port]
        )

    assert exit_code == 2
    assert f"cannot listen on port {port}" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_is_a_number(port, capsys):
    with pytest.raises(SystemExit):
        command_line.main(["simulator", "--port", port])

    assert "--port" in capsys.readouterr().err

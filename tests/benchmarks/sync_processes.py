"""Runs one contender of the sync benchmarks in a process of its own, in a quiet moment."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
QUIET_CORES = 0.2
LONGEST_WAIT_S = 30.0

Found = Mapping[str, Any]


def begun(module: str, *arguments: object) -> "subprocess.Popen[str]":
    """A process that runs a module of the benchmarks."""
    words = [str(argument) for argument in arguments]
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(process: "subprocess.Popen[str]") -> Found:
    """What a process printed, once it has ended."""
    output, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    found: Found = json.loads(output)
    return found


def run(
    module: str,
    *arguments: object,
    helpers: tuple[int, ...] = (),
    patience_s: float = LONGEST_WAIT_S,
) -> Found:
    """What a module printed, and how many cores others used meanwhile.

    Args:
        module: Of the benchmarks.
        arguments: Of the module.
        helpers: Processes that work for it, such as the sink, and are not others.
        patience_s: How long to wait for a quiet moment.
    """
    _wait_for_quiet(patience_s)
    busy, own, began = _busy_seconds(), _seconds_of(helpers), time.perf_counter()
    process = begun(module, *arguments)
    before = _children_seconds()
    found = dict(told(process))
    elapsed = time.perf_counter() - began
    used = _children_seconds() - before + _seconds_of(helpers) - own
    others = max(0.0, _busy_seconds() - busy - used) / elapsed
    return {**found, "others_cores": round(others, 2)}


def machine() -> dict[str, object]:
    """What it was measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load_average": [round(load, 2) for load in psutil.getloadavg()],
    }


def say(text: str) -> None:
    """Progress, beside the JSON."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def _wait_for_quiet(patience_s: float) -> None:
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        busy = _busy_seconds()
        time.sleep(1)
        if _busy_seconds() - busy < QUIET_CORES:
            return


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _seconds_of(processes: tuple[int, ...]) -> float:
    times = [psutil.Process(number).cpu_times() for number in processes]
    return sum(each.user + each.system for each in times)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()

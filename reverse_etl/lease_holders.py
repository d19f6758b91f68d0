"""Who holds a lease: a process of a machine, and whether it still lives."""

import os
import socket
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reverse_etl.ledger_tables import moment_text


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that may hold a lease: where it is, and how it is known again there."""

    host: str
    process_id: int
    process_start: str


NOBODY = Holder("", 0, "")


def this_process() -> Holder:
    """The process that runs."""
    return Holder(socket.gethostname(), os.getpid(), _process_start(os.getpid()))


def is_busy(holder: Holder, expires_at: str, *, here: str, now: datetime) -> bool:
    """Whether a lease still holds: its time is not over, and its process lives if it is ours."""
    if not expires_at:
        return False
    if holder.host == here and sys.platform != "win32":
        # Whatever the clock says: a process that is alive has not let go of its lease.
        return is_alive(holder)
    return moment_text(now) < expires_at


def is_alive(holder: Holder) -> bool:
    """Whether a process of this machine still runs."""
    try:
        os.kill(holder.process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # Numbers of processes come round again, soonest of all in a container.
    return holder.process_start == _process_start(holder.process_id)


def _process_start(process_id: int) -> str:
    """When a process of this machine was started, where the system tells; else empty."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The name, in brackets, may hold anything; the start is the 20th word after it.
    return status.rpartition(")")[2].split()[19]

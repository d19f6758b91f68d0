"""One run of drt-core in a process of its own; prints JSON.

`rest_api` in batch mode, a thousand records to a request, without pacing. It makes a connection for
each of its engine's batches; `--tuned` takes fifty requests' rows for one. Its HubSpot connector has
the address of the service in it, which is replaced by the sink's.
"""

import argparse
import json
import logging
import resource
import sys
import time
from pathlib import Path

from drt.config.models import SyncConfig
from drt.config.profiles import DuckDBProfile
from drt.destinations import hubspot
from drt.destinations.rest_api import RestApiDestination
from drt.engine.observer import StatePersistingObserver
from drt.engine.sync import run_sync
from drt.sources.duckdb import DuckDBSource
from drt.state.manager import StateManager

from tests.benchmarks.sync_rows import COLUMNS, HUBSPOT_COLUMNS, KEY

ENGINE_BATCH_ROWS = 50_000
REQUEST_ROWS = 1_000


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Run once, and tell how long it took and what it says of it."""
    folder = Path(arguments.folder)
    state = StateManager(folder)
    sync = SyncConfig.model_validate(
        _hubspot(arguments) if arguments.hubspot else _rest_api(arguments)
    )
    began, cpu_began = time.perf_counter(), time.process_time()
    result = run_sync(
        sync,
        DuckDBSource(),
        hubspot.HubSpotDestination() if arguments.hubspot else RestApiDestination(),
        DuckDBProfile("duckdb", str(folder / "warehouse.duckdb")),
        folder,
        state_manager=state,
        observer=StatePersistingObserver(state, None),
    )
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(time.process_time() - cpu_began, 2),
        "peak_rss_mb": round(usage.ru_maxrss / 1024),
        "read": result.rows_extracted,
        "sent": result.success,
        "failed": result.failed,
    }


def _rest_api(arguments: argparse.Namespace) -> dict[str, object]:
    path = "/strict" if arguments.strict else "/rows"
    return {
        "name": "sink",
        "model": f"select {KEY}, {', '.join(COLUMNS)} from activation.sync_sink",
        "destination": {
            "type": "rest_api",
            "url": f"{arguments.url}{path}",
            "body_mode": "batch",
            "batch_template": '{"rows": {{ rows | tojson_safe }}}',
            "max_records_per_request": REQUEST_ROWS,
            "error_path": "errors" if arguments.strict else None,
        },
        "sync": {
            **_incremental(arguments),
            "batch_size": ENGINE_BATCH_ROWS if arguments.tuned else REQUEST_ROWS,
            "on_error": "skip",
            "rate_limit": {"requests_per_second": 0},
        },
    }


def _incremental(arguments: argparse.Namespace) -> dict[str, object]:
    if not arguments.incremental:
        return {"mode": "full"}
    return {"mode": "incremental", "cursor_field": "last_seen_at"}


def _hubspot(arguments: argparse.Namespace) -> dict[str, object]:
    hubspot._HUBSPOT_API = f"{arguments.url}/crm/v3/objects"
    columns = ", ".join(("email", *HUBSPOT_COLUMNS))
    pace = {} if arguments.paced else {"rate_limit": {"requests_per_second": 0}}
    return {
        "name": "sink",
        "model": f"select {columns} from activation.sync_sink",
        "destination": {
            "type": "hubspot",
            "object_type": "contacts",
            "id_property": "email",
            "auth": {"type": "bearer", "token": "a"},
        },
        "sync": {"mode": "full", "batch_size": ENGINE_BATCH_ROWS, **pace},
    }


def main() -> None:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("url")
    for name in ("--hubspot", "--paced", "--strict", "--incremental", "--tuned"):
        parser.add_argument(name, action="store_true")
    logging.disable()
    found = run(parser.parse_args())
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()

"""Driving a running simulator over HTTP, for tests with a process of their own.

GET  /_simulator/<tool>/state                 what it holds
GET  /_simulator/<tool>/arrivals              what reached it: operation, status, fault
POST /_simulator/<tool>/script   {"faults": [{"kind": "drop_after", "skip": 2}]}
POST /_simulator/<tool>/limits   {"is_on": true}
POST /_simulator/<tool>/jobs/<id>  {...}      merged into the job
POST /_simulator/<tool>/clear                 nothing goes wrong any more
POST /_simulator/<tool>/reset                 it holds nothing either
POST /_simulator/reset                        none of them does
POST /_simulator/advance         {"seconds": 60}
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from demo.destination_simulator.answers import Answer, Json, RefusedError
from demo.destination_simulator.connections import Request
from demo.destination_simulator.faults import fault_from_json

if TYPE_CHECKING:
    from demo.destination_simulator.server import Simulator

PREFIX = "_simulator"

_Told: TypeAlias = Mapping[str, Json]
_Step: TypeAlias = Callable[["Simulator", str, _Told], Json]


def answer(simulator: "Simulator", request: Request, path: str) -> Answer:
    """What a request below /_simulator gets."""
    try:
        told: Json = json.loads(request.body) if request.body else {}
    except ValueError:
        return RefusedError(400, "not_json").answer
    if not isinstance(told, dict):
        return RefusedError(400, "not_an_object").answer
    try:
        return Answer(200, _do(simulator, request.method, path, told))
    except RefusedError as refused:
        return refused.answer
    except (LookupError, ValueError, TypeError) as error:
        return Answer(400, {"error": {"code": "not_understood", "detail": str(error)}})


def _do(simulator: "Simulator", method: str, path: str, told: _Told) -> Json:
    match [method, *path.strip("/").split("/")]:
        case ["POST", "reset"]:
            simulator.reset()
        case ["POST", "advance"]:
            simulator.advance(float(str(told["seconds"])))
        case ["POST", vendor, "jobs", job] if vendor in simulator.tools:
            simulator.hold(vendor).jobs[job].update(told)
        case [_, vendor, step] if (
            method,
            step,
        ) in _STEPS and vendor in simulator.tools:
            return _STEPS[method, step](simulator, vendor, told)
        case _:
            raise RefusedError(404, "no_such_path")
    return {}


def _state(simulator: "Simulator", vendor: str, told: _Told) -> Json:
    del told
    return simulator.hold(vendor).state()


def _arrivals(simulator: "Simulator", vendor: str, told: _Told) -> Json:
    del told
    return [
        {
            "operation": arrival.operation,
            "status": arrival.status,
            "fault": arrival.fault,
            "problems": [*arrival.problems],
        }
        for arrival in simulator.arrivals(vendor)
    ]


def _script(simulator: "Simulator", vendor: str, told: _Told) -> Json:
    faults = told["faults"]
    if not isinstance(faults, list):
        raise ValueError("faults is a list")
    simulator.script(vendor, *(fault_from_json(described) for described in faults))
    return {}


def _limits(simulator: "Simulator", vendor: str, told: _Told) -> Json:
    simulator.keep_limits(vendor, is_on=told["is_on"] is True)
    return {}


def _clear(simulator: "Simulator", vendor: str, told: _Told) -> Json:
    del told
    simulator.clear_script(vendor)
    return {}


def _reset(simulator: "Simulator", vendor: str, told: _Told) -> Json:
    del told
    simulator.reset(vendor)
    return {}


_STEPS: Mapping[tuple[str, str], _Step] = {
    ("GET", "state"): _state,
    ("GET", "arrivals"): _arrivals,
    ("POST", "script"): _script,
    ("POST", "limits"): _limits,
    ("POST", "clear"): _clear,
    ("POST", "reset"): _reset,
}

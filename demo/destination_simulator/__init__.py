"""A marketing tool on this machine: the `mailer` destination, for demo and tests.

A small HTTP server on the loopback address that holds records by id in a SQLite file, so
that a second demo run finds what the first one sent. Its interface is described in
docs/destinations/mailer.md. It answers for every row, keeps its batch limit, honours
idempotency keys, and fails on demand: `Simulator.inject` queues faults for the next
requests, in order.

    python -m demo.destination_simulator --port 0 --store data/simulator.sqlite

It is a stand-in for somebody else's product. It shares no code with `reverse_etl`, so that
the two can only agree on the interface.
"""

from demo.destination_simulator.faults import Fault, FaultKind
from demo.destination_simulator.tool import Simulator, running_simulator

__all__ = ["Fault", "FaultKind", "Simulator", "running_simulator"]

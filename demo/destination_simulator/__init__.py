"""The destinations' tools on this machine: for tests, for the demo, for trying things out.

One HTTP server on the loopback address behaves like every tool that `reverse_etl` knows,
each below its own path. A tool holds records, checks requests against the project's own
contract for it, keeps its limits when asked to, fails in part, and goes wrong on command.

    kenning simulator --vendor hubspot

It is a stand-in for somebody else's products. It shares no code with `reverse_etl`, so that
the two can only agree on the interface. `server` says how it is used, `vendor` what a tool
is made of, `faults` what can go wrong.
"""

from demo.destination_simulator.faults import Fault, FaultKind
from demo.destination_simulator.server import Simulator, running_simulator

__all__ = ["Fault", "FaultKind", "Simulator", "running_simulator"]

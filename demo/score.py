"""How well an identity map finds the people of a world again. Reads the truth; builds nothing."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.scripts import script, set_variables
from warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class IdentityScore:
    """An identity map against the truth.

    Counted are the identifiers that belong to one person alone and that some landed record
    links to another identifier of the same person; no map could place the others.

    Attributes:
        identifier_count: Identifiers scored.
        missing_count: Those of them that the map lacks; each counts as a customer of its own.
        person_count: Real people behind them.
        customer_count: Customers that the map makes of them.
        precision: Of the pairs that share a customer, the share that share a person.
        recall: Of the pairs that share a person, the share that share a customer.
        purity: Share of identifiers that belong to their customer's main person.
    """

    identifier_count: int
    missing_count: int
    person_count: int
    customer_count: int
    precision: float
    recall: float
    purity: float


def score(warehouse: Warehouse, truth: Warehouse) -> IdentityScore:
    """Score `identity.identity_map` of the warehouse against the truth database.

    Both may be open for reading only. Where a map holds the canonical form of an e-mail
    address instead of the address, that counts as found.

    Raises:
        WarehouseError: There is no identity map, or no truth.
    """
    with TemporaryDirectory(prefix="kenning-score-") as folder:
        file = {"identity_map_file": str(Path(folder) / "identity_map.parquet")}
        set_variables(warehouse, file)
        warehouse.execute(script("truth/hand_over_map.sql"))
        set_variables(truth, file)
        truth.execute(script("truth/take_map.sql"))
    try:
        return score_in_place(truth)
    finally:
        truth.execute("reset schema")


def score_in_place(engine: Warehouse) -> IdentityScore:
    """Score the relation `identity_map` against the relation `identifier` beside it."""
    [row] = engine.query(script("truth/score.sql"))
    identifiers, missing, persons, customers, precision, recall, purity = (
        float(str(value)) for value in row
    )
    return IdentityScore(
        identifier_count=int(identifiers),
        missing_count=int(missing),
        person_count=int(persons),
        customer_count=int(customers),
        precision=precision,
        recall=recall,
        purity=purity,
    )

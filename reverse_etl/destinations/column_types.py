"""What the values of a file's columns are: seen row by row, or said by the sync. Pure."""

from collections.abc import Mapping, Sequence

from reverse_etl.errors import ErrorClass, FatalDeliveryError
from warehouse.manifest import Json
from warehouse.parquet import ColumnType

_INTEGERS = range(-(2**63), 2**63)


class ColumnTypes:
    """What the values of each column are, as far as they were seen.

    Args:
        names: The columns.
        given: Types that the sync says.

    Raises:
        FatalDeliveryError: It says one of a column that there is not.
    """

    def __init__(
        self, names: Sequence[str], given: Mapping[str, ColumnType] | None = None
    ) -> None:
        self._names = names
        self._given = given or {}
        for name in self._given:
            if name not in names:
                raise FatalDeliveryError(
                    f"settings.types names '{name}', which is no field of the mapping. "
                    f"Nothing was delivered. Fields: {', '.join(names)}.",
                    error_class=ErrorClass.CONFIG,
                )
        self._seen: list[set[type]] = [set() for _ in names]
        self._has_large = [False for _ in names]

    def see(self, values: Sequence[Json]) -> None:
        """Heed one row: a value for each column."""
        for position, value in enumerate(values):
            self._seen[position].add(type(value))
            if type(value) is int and value not in _INTEGERS:
                self._has_large[position] = True

    def found(self) -> dict[str, ColumnType]:
        """Types by column. A column without any value is text.

        Raises:
            FatalDeliveryError: A column is not what the sync says.
        """
        types = {}
        for name, seen, has_large in zip(
            self._names, self._seen, self._has_large, strict=True
        ):
            found = _type_of(seen - {type(None)}, has_large=has_large)
            given = self._given.get(name, found)
            if found is not None and given not in _FITTING[found]:
                raise FatalDeliveryError(
                    f"settings.types says that '{name}' is {given}, and some of its "
                    f"values make it {found}. Nothing was delivered. Change the setting, "
                    "or the mapping's `as`.",
                    error_class=ErrorClass.CONFIG,
                )
            types[name] = given or ColumnType.TEXT
        return types


# What a column whose values are of this type may be said to be.
_FITTING: Mapping[ColumnType, frozenset[ColumnType | None]] = {
    ColumnType.TEXT: frozenset(
        {ColumnType.TEXT, ColumnType.DATE, ColumnType.TIMESTAMP}
    ),
    ColumnType.INTEGER: frozenset(
        {ColumnType.TEXT, ColumnType.INTEGER, ColumnType.NUMBER}
    ),
    ColumnType.NUMBER: frozenset({ColumnType.TEXT, ColumnType.NUMBER}),
    ColumnType.BOOLEAN: frozenset({ColumnType.TEXT, ColumnType.BOOLEAN}),
    ColumnType.JSON: frozenset({ColumnType.TEXT, ColumnType.JSON}),
}


def _type_of(seen: set[type], *, has_large: bool) -> ColumnType | None:
    """The type that fits every value; None where there is none to tell from."""
    if not seen:
        return None
    if seen <= {int, float}:
        if float in seen:
            return ColumnType.NUMBER
        return ColumnType.TEXT if has_large else ColumnType.INTEGER
    if seen == {bool}:
        return ColumnType.BOOLEAN
    return ColumnType.JSON if seen <= {list, dict} else ColumnType.TEXT

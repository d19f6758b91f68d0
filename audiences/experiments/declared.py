"""The sizes that an audience's definition gives its groups. Pure."""

from collections.abc import Iterable, Mapping

from audiences.definition import Definition
from audiences.selection import HOLDOUT


def declared_weights(
    definitions: Iterable[Definition], audience: str
) -> Mapping[str, float] | None:
    """The share of each group of an audience.

    Args:
        definitions: Of the project.
        audience: Name of the audience.

    Returns:
        Shares that add up to 1; None when no definition of that name is split.
    """
    split = next((each.split for each in definitions if each.name == audience), None)
    if split is None:
        return None
    held_out = split.holdout.share if split.holdout else 0.0
    total = sum(weight for _, weight in split.groups)
    shares = {name: (1 - held_out) * weight / total for name, weight in split.groups}
    return shares | ({HOLDOUT: held_out} if split.holdout else {})

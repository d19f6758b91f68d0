"""What compiling and checking did, in words for the command line."""

from audiences.project import Compilation


def summary(compilation: Compilation) -> str:
    """One line on what compiling did."""
    return (
        f"{len(compilation.written)} written, {len(compilation.removed)} removed, "
        f"{len(compilation.unchanged)} unchanged."
    )


def difference(compilation: Compilation) -> str:
    """The files that differ from their definitions, and what to do about it."""
    lines = [
        f"{path.as_posix()} differs from its definition."
        for path in compilation.written
    ]
    lines += [f"{path.as_posix()} has no definition." for path in compilation.removed]
    return "\n".join([*lines, "Run `kenning audiences compile` and commit the result."])

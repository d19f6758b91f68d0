"""Numbers as a person says them. Pure."""


def counted(count: int, one: str, more: str) -> str:
    """A count with the words that go with it: "1 row is" and "1,030 rows are".

    Args:
        count: How many.
        one: The words after 1.
        more: The words after any other number.
    """
    return f"{count:,} {one if count == 1 else more}"

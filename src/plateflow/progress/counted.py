"""How many there are of something, in words."""


def counted(count: int, noun: str) -> str:
    """Return a count of something: ``1 well``, ``1,536 wells``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"

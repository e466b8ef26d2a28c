"""Cut texts of any origin so that a message can carry them."""

from __future__ import annotations

ERROR_LIMIT = 2_000
"""Characters of an error; with a traceback of 16,000 they fit a line even where JSON escapes each character."""
CUT = "\n[...]\n"


def carried(text: str, limit: int = ERROR_LIMIT) -> str:
    """Return a text that UTF-8 can carry and that is not longer than the limit; of a long one both ends stay."""
    # Twice: escaping what UTF-8 cannot carry makes a text longer, and a huge one is not to be escaped whole.
    return _cut(_cut(text, limit).encode("utf-8", "backslashreplace").decode("utf-8"), limit)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = (limit - len(CUT)) // 2
    return text[:half] + CUT + text[-half:]

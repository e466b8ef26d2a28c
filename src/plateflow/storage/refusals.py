"""What is said of a file that could not be written, and what to do."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from plateflow.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

GO_ON = "go on with --resume"

_MENDING = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space there"),
    errno.EROFS: "make its disk writable",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "change its permissions"),
    errno.EFBIG: "let files of that size be written",
}


@contextmanager
def telling_what_to_do(then: str = GO_ON) -> Iterator[None]:
    """Turn the error of a file that cannot be written into one that people can act on.

    Parameters
    ----------
    then
        What to do once it is mended.

    Raises
    ------
    OutputError
        Says which file, why, and what to do.
    """
    try:
        yield
    except OSError as error:
        known = _MENDING.get(error.errno or 0)
        what = "cannot be written" if known else "cannot be read or written"
        mending = known or "see that its disk is in order"
        raise OutputError(
            f"{error.filename or 'a file'} {what}: {error.strerror or error}; {mending} and {then}"
        ) from error

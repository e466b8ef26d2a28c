"""An error of a disk says which file, why, and what to do."""

import errno
import os

import pytest

from plateflow.errors import OutputError
from plateflow.storage.refusals import telling_what_to_do

CASES = {
    errno.ENOSPC: "/out/a cannot be written: No space left on device; free some space there and go on with --resume",
    errno.EDQUOT: "/out/a cannot be written: Disk quota exceeded; free some space there and go on with --resume",
    errno.EROFS: "/out/a cannot be written: Read-only file system; make its disk writable and go on with --resume",
    errno.EIO: "/out/a cannot be read or written: Input/output error; see that its disk is in order and go on with "
    "--resume",
}


@pytest.mark.parametrize("number", CASES, ids=errno.errorcode.get)
def test_says_which_file_and_why_and_what_to_do(number: int) -> None:
    with pytest.raises(OutputError) as caught, telling_what_to_do():
        raise OSError(number, os.strerror(number), "/out/a")
    assert str(caught.value) == CASES[number]

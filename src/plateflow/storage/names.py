"""Names that people give, as names of files and folders.

The rule: letters, digits, ``_``, ``.`` and ``-`` of ASCII stay. A name that is made of these alone, does not begin with
``.`` or ``__``, does not end with ``.`` or in ``-`` and eight hex digits, is at most 64 long and is neither a device
name of Windows nor ``zarr.json`` is used as it is. Of any other name every other character becomes ``_``, what is too
long is cut, and ``-`` and eight hex digits of the name's SHA-256 are added, so that two names never share a file:
``Cell body`` is ``Cell_body-`` and the digits, and so is ``../x`` one folder below its root. Empty names and names that
are no Unicode text are refused. The name itself is kept in the metadata beside the file.
"""

from __future__ import annotations

import hashlib
import re

from plateflow.errors import OutputError

_UNCHANGED = re.compile(r"(?!\.|__)[A-Za-z0-9_.-]{1,64}(?<!\.)")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|zarr\.json", re.IGNORECASE)
"""Of Windows; and what stands beside the names of labels."""
_ENCODED = re.compile(r".*-[0-9a-f]{8}")
"""A name that could be the file name of another."""
_ENCODED_ALPHANUMERIC = re.compile(r".*x[0-9a-f]{8}")
_LONGEST = 255
"""Bytes of a name on the file systems of Linux."""
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]+")


def encode_name(name: str) -> str:
    """Make the file name of a name; the module tells the rule.

    Raises
    ------
    OutputError
        For an empty name, or one that is no Unicode text.
    """
    if _UNCHANGED.fullmatch(name) and not _DEVICE.fullmatch(name) and not _ENCODED.fullmatch(name):
        return name
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:48].lstrip("_")
    return f"{readable or 'x'}-{_digest(name)}"


def encode_alphanumeric(name: str) -> str:
    """Make a folder name of letters and digits alone, for what OME-Zarr allows no more; as :func:`encode_name` else.

    Raises
    ------
    OutputError
        For an empty name, or one that is no Unicode text.
    """
    if _ALPHANUMERIC.fullmatch(name) and len(name) <= 64 and not _ENCODED_ALPHANUMERIC.fullmatch(name):
        return name
    return f"{re.sub(r'[^A-Za-z0-9]', '', name)[:48]}x{_digest(name)}"


def require_alphanumeric(what: str, name: str) -> None:
    """Refuse a name that OME-Zarr allows letters and digits alone for.

    Raises
    ------
    OutputError
        Says what it names.
    """
    if not _ALPHANUMERIC.fullmatch(name):
        raise OutputError(f"{what} {name!r} cannot be a folder of an OME-Zarr plate; use letters A-Z and digits alone")


def fit_name(name: str, suffix: str = "") -> str:
    """Name a folder after something of a user's, readably; that it is one of its kind is the suffix's matter.

    Control characters and ``/`` become ``_``, and a name is cut that would be too long with its suffix.
    """
    readable = "".join(c if c.isprintable() and c != "/" else "_" for c in name)
    kept = readable.encode(errors="replace")[: _LONGEST - len(suffix.encode())].decode(errors="ignore")
    return (kept or "plate") + suffix


def _digest(name: str) -> str:
    if not name:
        raise OutputError("an empty name cannot be the name of a result; give it one")
    try:
        return hashlib.sha256(name.encode()).hexdigest()[:8]
    except UnicodeEncodeError as error:
        raise OutputError(f"name {name!r} is not Unicode text; rename it") from error

"""Files that a table names: where it says, or, where that folder is not here, by their names in the table's folder."""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from plateflow.errors import PlateError
from plateflow.plate.listing import list_folders, list_top

_ELSEWHERE: Final = re.compile(r"(?!file:)\w{2,}://")


class FoundFile(NamedTuple):
    """Where a file is, or should be."""

    path: str
    reason: str | None
    """Why it is missing ("" where there is no more to say than that); None where it is there."""


class NamedFiles:
    """Looks for files; each folder is listed once, and no file is asked for its status.

    Parameters
    ----------
    folder
        Absolute path of the table's folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._listed: dict[str, frozenset[str] | None] = {}
        self._below: dict[str, list[str]] | None = None
        self._meant: dict[str, str] = {}
        """For files that were found by their names: the path in the table."""
        self.elsewhere = 0
        """Files that were found by their names only."""

    def find(self, file: str, folder: str) -> FoundFile:
        """Look for a file.

        Parameters
        ----------
        file
            Its name, or its path, or a ``file:`` URL; not empty.
        folder
            The folder that it should be in, from the table's own where it is relative; "" where `file` tells.
        """
        if _ELSEWHERE.match(file.strip()):
            return FoundFile(file.strip(), "it is no file of this computer; download it and name it in the table")
        path = _joined(file.strip(), folder.strip())
        told = os.path.normpath(os.path.join(self._folder, path))
        name = os.path.basename(told)
        names = self._names(os.path.dirname(told))
        if names is not None and name in names:
            return FoundFile(told, None)
        if names is not None and os.path.dirname(path):
            # The folder is the one of the table: a file of this name in another (ZStep_2) is another image.
            return FoundFile(told, "")
        return self._elsewhere(told, self._by_name().get(name, []))

    def _elsewhere(self, told: str, others: list[str]) -> FoundFile:
        """Choose between the files of the name of one that should be in a folder that is not here."""
        if not others:
            return FoundFile(told, "")
        if len(others) > 1:
            return FoundFile(told, f"several files have this name: {others[0]} and {others[1]}")
        first = self._meant.setdefault(others[0], told)
        if first != told:
            return FoundFile(told, f"here is one file of its name, {others[0]}, which is taken for {first}")
        self.elsewhere += 1
        return FoundFile(others[0], None)

    def _names(self, folder: str) -> frozenset[str] | None:
        """Return the files of a folder; None where it is of another computer."""
        if folder not in self._listed:
            try:
                self._listed[folder] = frozenset(list_top(folder).files)
            except PlateError:
                self._listed[folder] = None
        return self._listed[folder]

    def _by_name(self) -> dict[str, list[str]]:
        if self._below is None:
            self._below = {}
            for folder in list_folders(self._folder, lambda _: True):
                for name in folder.names:
                    self._below.setdefault(name, []).append(folder.path + name)
        return self._below


def _joined(file: str, folder: str) -> str:
    if file.startswith("file:"):
        return unquote(urlsplit(file).path)
    path = f"{folder}/{file}" if folder and file else file
    # A path that Windows wrote has no slashes of the other kind but the one put in here.
    return path.replace("\\", "/") if "\\" in path and "/" not in folder + file else path

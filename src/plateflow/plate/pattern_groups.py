"""Pattern groups: which images go into one function call.

An :class:`Address` says where in a well an image lies; a :class:`Series` is all of one name (a channel, or what a step
made) in a well. The groups of a step are the distinct values of its inputs' components without the variable ones. All
of this is decided from addresses alone, so every total is known before a pixel is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COMPONENTS = ("site", "z", "timepoint")
"""What varies within one name of a well, in the order that groups are worked through."""


class Address(NamedTuple):
    """Where in a well one plane lies; None where several were made into one."""

    site: int | None
    z: int | None
    timepoint: int | None

    def only(self, components: frozenset[str]) -> Address:
        """Return the address with every other component None."""
        return Address(
            self.site if "site" in components else None,
            self.z if "z" in components else None,
            self.timepoint if "timepoint" in components else None,
        )


@dataclass(frozen=True, slots=True)
class Series:
    """All planes of one name in one well."""

    addresses: tuple[Address, ...]
    """Distinct, in ascending order."""
    components: frozenset[str]
    """Those that tell its planes from others."""


def make_series(addresses: Iterable[Address]) -> Series:
    """Make a series of its addresses, dropping the components that have one value.

    The site stays: what was made of site 1 alone shows nothing of site 2, so it is not to be broadcast over the others.
    """
    ordered = tuple(sorted(set(addresses), key=sort_key))
    values = {name: {address[i] for address in ordered} for i, name in enumerate(COMPONENTS)}
    placed = {"site"} if values["site"] != {None} else set()
    return Series(ordered, frozenset({name for name in COMPONENTS if len(values[name]) > 1} | placed))


def sort_key(address: Address) -> tuple[int, int, int]:
    """Order addresses by site, z, timepoint; one made of several comes first."""
    return (address.site or 0, address.z or 0, address.timepoint or 0)


def group_keys(inputs: Sequence[Series], variable: frozenset[str]) -> tuple[Address, ...]:
    """Return the key of every pattern group: distinct values of the inputs' components minus the variable ones.

    Inputs of fewer components are broadcast over the others. Keys hold values only in the components that tell groups
    apart. A value that one input has and another lacks makes a key too, for which the other has no plane.
    """
    keys: set[Address] = {Address(None, None, None)}
    known: frozenset[str] = frozenset()
    for series in sorted(inputs, key=lambda s: -len(s.components)):
        components = series.components - variable
        keys = _outer_join(keys, {address.only(components) for address in series.addresses}, known & components)
        known |= components
    return tuple(sorted(keys, key=sort_key))


def planes_by_key(series: Series, variable: frozenset[str]) -> dict[Address, list[Address]]:
    """Return the planes of a series that each group gets, by the part of the group's key that the series has."""
    components = series.components - variable
    found: dict[Address, list[Address]] = {}
    for address in series.addresses:
        found.setdefault(address.only(components), []).append(address)
    return found


def merged(addresses: Iterable[Address]) -> Address:
    """Return the address of what is made of several planes: None in the components where they differ."""
    sites, zs, timepoints = (set(values) for values in zip(*addresses, strict=True))
    return Address(_single(sites), _single(zs), _single(timepoints))


def pattern_text(address: Address, channel: str) -> str:
    """Return a group's short form without its well, ``s* c=DAPI z1 t1``; ``*`` where it spans a component."""
    parts = [f"s{_star(address.site)}", f"c={channel}" if channel else "", f"z{_star(address.z)}"]
    return " ".join(part for part in [*parts, f"t{_star(address.timepoint)}"] if part)


def _outer_join(keys: set[Address], own: set[Address], shared: frozenset[str]) -> set[Address]:
    partners: dict[Address, list[Address]] = {}
    for address in own:
        partners.setdefault(address.only(shared), []).append(address)
    joined = {_joined(key, address) for key in keys for address in partners.get(key.only(shared), [key])}
    known = {key.only(shared) for key in keys}
    return joined | {address for address in own if address.only(shared) not in known}


def _joined(a: Address, b: Address) -> Address:
    return Address(*(y if x is None else x for x, y in zip(a, b, strict=True)))


def _single(values: set[int | None]) -> int | None:
    return next(iter(values)) if len(values) == 1 else None


def _star(value: int | None) -> str:
    return "*" if value is None else str(value)

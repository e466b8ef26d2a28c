"""Pattern groups: which images go into one function call.

An :class:`Address` says where in a well an image lies; a :class:`Series` is all of one name (a channel, or what a step
made) in a well. The groups of a step are the distinct values of its inputs' components without the variable ones. All of
this is decided from addresses alone, so every total is known before a pixel is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

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
    """Those of more than one value here; the others do not tell planes apart."""


def make_series(addresses: Iterable[Address]) -> Series:
    """Make a series of its addresses, dropping the components that have one value."""
    ordered = tuple(sorted(set(addresses), key=sort_key))
    varying = frozenset(name for i, name in enumerate(COMPONENTS) if len({address[i] for address in ordered}) > 1)
    return Series(ordered, varying)


def sort_key(address: Address) -> tuple[int, int, int]:
    """Order addresses by site, z, timepoint; one made of several comes first."""
    return (address.site or 0, address.z or 0, address.timepoint or 0)


def group_keys(inputs: Sequence[Series], variable: frozenset[str]) -> tuple[Address, ...]:
    """Return the key of every pattern group: distinct values of the inputs' components minus the variable ones.

    Inputs of fewer components are broadcast over the others. Keys hold values only in the components that tell groups
    apart.
    """
    keys: set[Address] = {Address(None, None, None)}
    known: frozenset[str] = frozenset()
    for series in sorted(inputs, key=lambda s: -len(s.components)):
        components = series.components - variable
        if components <= known and known:
            continue
        own = {address.only(components) for address in series.addresses}
        keys = {_joined(a, b) for a, b in product(keys, own) if _agree(a, b)}
        known |= components
    return tuple(sorted(keys, key=sort_key))


def members(series: Series, key: Address) -> tuple[Address, ...]:
    """Return the addresses of a series that belong to a group: those that agree with its key."""
    varying = [i for i, name in enumerate(COMPONENTS) if name in series.components and key[i] is not None]
    return tuple(address for address in series.addresses if all(address[i] == key[i] for i in varying))


def merged(addresses: Iterable[Address]) -> Address:
    """Return the address of what is made of several planes: None in the components where they differ."""
    sites, zs, timepoints = (set(values) for values in zip(*addresses, strict=True))
    return Address(_single(sites), _single(zs), _single(timepoints))


def pattern_text(address: Address, channel: str) -> str:
    """Return a group's short form without its well, ``s* c=DAPI z1 t1``; ``*`` where it spans a component."""
    parts = [f"s{_star(address.site)}", f"c={channel}" if channel else "", f"z{_star(address.z)}"]
    return " ".join(part for part in [*parts, f"t{_star(address.timepoint)}"] if part)


def _agree(a: Address, b: Address) -> bool:
    return all(x is None or y is None or x == y for x, y in zip(a, b, strict=True))


def _joined(a: Address, b: Address) -> Address:
    return Address(*(y if x is None else x for x, y in zip(a, b, strict=True)))


def _single(values: set[int | None]) -> int | None:
    return next(iter(values)) if len(values) == 1 else None


def _star(value: int | None) -> str:
    return "*" if value is None else str(value)

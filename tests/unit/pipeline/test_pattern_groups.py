"""Pattern groups from addresses alone."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateflow.plate.pattern_groups import (
    Address,
    Series,
    group_keys,
    make_series,
    merged,
    pattern_text,
    planes_by_key,
)


def series(sites: int = 1, zs: int = 1, timepoints: int = 1) -> Series:
    return make_series(Address(*at) for at in product(range(1, sites + 1), range(1, zs + 1), range(1, timepoints + 1)))


@pytest.mark.parametrize(
    ("addresses", "components"),
    [
        ([(1, 1, 1)], {"site"}),
        ([(1, 1, 1), (2, 1, 1)], {"site"}),
        ([(1, 1, 1), (1, 2, 1)], {"site", "z"}),
        ([(1, 5, 1), (1, 5, 2)], {"site", "timepoint"}),
        ([(None, 1, 1)], set()),
        ([(None, None, None)], set()),
        ([(None, 1, 1), (None, 2, 1)], {"z"}),
    ],
)
def test_components_of_one_value_are_dropped_but_not_the_site(
    addresses: list[tuple[int | None, int | None, int | None]], components: set[str]
) -> None:
    assert make_series(Address(*address) for address in addresses).components == components


def test_a_series_is_in_order_without_repeats() -> None:
    found = make_series([Address(2, 1, 1), Address(1, 2, 1), Address(1, 1, 1), Address(2, 1, 1)])
    assert found.addresses == (Address(1, 1, 1), Address(1, 2, 1), Address(2, 1, 1))


@pytest.mark.parametrize(
    ("inputs", "variable", "keys"),
    [
        ([series(sites=2)], set(), [(1, None, None), (2, None, None)]),
        ([series(sites=4)], {"site"}, [(None, None, None)]),
        ([series(sites=2, zs=2)], {"z"}, [(1, None, None), (2, None, None)]),
        ([series(sites=2), series(sites=2, zs=2)], set(), [(1, 1, None), (1, 2, None), (2, 1, None), (2, 2, None)]),
        ([series(zs=2), series(timepoints=2)], set(), [(1, 1, 1), (1, 1, 2), (1, 2, 1), (1, 2, 2)]),
        ([series(sites=2), series(sites=3)], set(), [(1, None, None), (2, None, None), (3, None, None)]),
        ([series(sites=3), series(sites=2)], set(), [(1, None, None), (2, None, None), (3, None, None)]),
        (
            [series(sites=2, zs=2), series(sites=1, timepoints=2)],
            set(),
            [(1, 1, 1), (1, 1, 2), (1, 2, 1), (1, 2, 2), (2, 1, None), (2, 2, None)],
        ),
        ([make_series([Address(None, 1, 1)]), series(sites=2)], set(), [(1, None, None), (2, None, None)]),
    ],
    ids=["sites", "stack of sites", "stack of z", "broadcast over z", "product", "more", "fewer", "join", "stitched"],
)
def test_keys_are_the_distinct_values_of_all_inputs(
    inputs: list[Series], variable: set[str], keys: list[tuple[int | None, int | None, int | None]]
) -> None:
    assert group_keys(inputs, frozenset(variable)) == tuple(Address(*key) for key in keys)


cubes = st.builds(series, st.integers(1, 3), st.integers(1, 3), st.integers(1, 2))
components = st.frozensets(st.sampled_from(["site", "z", "timepoint"]))


@given(st.lists(cubes, min_size=1, max_size=3), components)
def test_every_plane_of_an_input_is_in_a_group_and_order_does_not_matter(
    inputs: list[Series], variable: frozenset[str]
) -> None:
    keys = group_keys(inputs, variable)
    assert len(set(keys)) == len(keys)
    fit = all(key.only(one.components - variable) in planes_by_key(one, variable) for one in inputs for key in keys)
    assert not fit or group_keys(inputs[::-1], variable) == keys  # what does not fit is refused in any order
    for one in inputs:
        found = planes_by_key(one, variable)
        own = one.components - variable
        reached = [address for part in {key.only(own) for key in keys} for address in found.get(part, [])]
        assert sorted(reached) == sorted(one.addresses)


@given(cubes, components)
def test_one_input_has_a_group_for_each_value_that_is_not_stacked(one: Series, variable: frozenset[str]) -> None:
    kept = {
        (a.site * ("site" not in variable), a.z * ("z" not in variable), a.timepoint * ("timepoint" not in variable))
        for a in one.addresses
        if a.site and a.z and a.timepoint
    }
    assert len(group_keys([one], variable)) == len(kept)


@pytest.mark.parametrize(
    ("addresses", "whole"),
    [
        ([(1, 1, 1)], (1, 1, 1)),
        ([(1, 1, 1), (1, 2, 1)], (1, None, 1)),
        ([(1, None, 1), (1, 3, 1)], (1, None, 1)),
        ([(1, 1, 1), (2, 2, 2)], (None, None, None)),
    ],
)
def test_what_is_made_of_several_has_no_value_where_they_differ(
    addresses: list[tuple[int | None, int | None, int | None]], whole: tuple[int | None, int | None, int | None]
) -> None:
    assert merged(Address(*address) for address in addresses) == Address(*whole)


@pytest.mark.parametrize(
    ("address", "channel", "text"),
    [
        (Address(None, 1, 1), "DAPI", "s* c=DAPI z1 t1"),
        (Address(3, None, 2), "DNA+GFP", "s3 c=DNA+GFP z* t2"),
        (Address(1, 1, 1), "", "s1 z1 t1"),
    ],
)
def test_short_form(address: Address, channel: str, text: str) -> None:
    assert pattern_text(address, channel) == text

"""Encoding and decoding hold for any update, and nothing else passes."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from tests.unit.progress.updates import LEGAL_PAIRS, OPTIONAL, REQUIRED, mapping, updates, without

from plateflow.errors import SchemaError
from plateflow.progress.messages import decode_lines, decode_message, encode_message
from plateflow.progress.update import ProgressUpdate, _check_rules, as_update, decode, encode

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("init") | st.just("error"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
PLAUSIBLE = ["", "B06", UNSET, None, 0, 1, 2, 7, 14, 50, -1, 0.0, 2.0, 28.0, 100.0, True]


@given(updates())
def test_round_trip(update: ProgressUpdate) -> None:
    data = encode(update)
    assert decode(data) == update
    assert encode(decode(data)) == data
    assert b"\n" not in data
    assert as_update(json.loads(data)) == update
    assert decode_message(data) == update
    assert decode_lines(encode_message(update) * 2) == [update, update]


@given(updates(), st.sampled_from(REQUIRED + OPTIONAL), json_values)
def test_a_changed_field_is_refused_or_stays_as_it_was_given(update: ProgressUpdate, field: str, value: Any) -> None:
    changed = json.loads(encode(update)) | {field: value}
    try:
        decoded = decode(json.dumps(changed).encode())
    except SchemaError:
        return
    assert json.loads(encode(decoded)) == changed


@given(updates(), st.sampled_from(REQUIRED))
def test_a_missing_field_is_refused_by_name(update: ProgressUpdate, field: str) -> None:
    assert refusal(decode, json.dumps(without(json.loads(encode(update)), field)).encode()) == field


@given(updates(), st.text(max_size=10).filter(lambda name: name not in REQUIRED + OPTIONAL), json_values)
def test_an_unknown_field_is_refused(update: ProgressUpdate, field: str, value: Any) -> None:
    changed = json.loads(encode(update)) | {field: value}
    assert refusal(decode, json.dumps(changed).encode()) is not None
    assert refusal(as_update, changed) is not None


@given(updates(), st.data())
def test_a_changed_byte_is_refused_or_decodes_to_what_it_says(update: ProgressUpdate, data: st.DataObject) -> None:
    line = bytearray(encode(update))
    line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode(bytes(line))
    except SchemaError:
        return
    assert json.loads(encode(decoded)) == json.loads(line)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_refused(data: bytes) -> None:
    assert refusal(decode, data) is not None
    assert refusal(decode_message, data) is not None


@given(st.sampled_from(LEGAL_PAIRS), st.dictionaries(st.sampled_from(REQUIRED + OPTIONAL), json_values, max_size=4))
def test_a_mapping_and_its_json_are_read_alike(pair: Any, changes: dict[str, Any]) -> None:
    update = mapping(*pair, **changes)
    assert outcome(as_update, update) == outcome(decode, json.dumps(update).encode())


@given(
    st.sampled_from(LEGAL_PAIRS),
    st.dictionaries(st.sampled_from(REQUIRED[1:6] + REQUIRED[9:] + OPTIONAL), st.sampled_from(PLAUSIBLE), max_size=3),
)
def test_what_is_accepted_at_a_glance_breaks_no_rule(pair: Any, changes: dict[str, Any]) -> None:
    phase, status = pair
    fields = without(mapping(phase, status, **changes), "type") | {"phase": phase, "status": status}
    try:
        update = ProgressUpdate(**fields)
    except SchemaError:
        return
    _check_rules(update)


def refusal(read: Callable[[Any], object], data: Any) -> str | None:
    """Return the field that is refused; None where all is accepted."""
    try:
        read(data)
    except SchemaError as e:
        return e.field
    return None


def outcome(read: Callable[[Any], ProgressUpdate], data: Any) -> ProgressUpdate | None:
    """Return what is read; None where it is refused."""
    try:
        return read(data)
    except SchemaError:
        return None

"""Every rule of the progress schema, one case each; a refusal names the field."""

import json
import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.unit.progress.cases import LEGAL, MISTYPED, RULES
from tests.unit.progress.updates import (
    ALL_PAIRS,
    ILLEGAL_PAIRS,
    LEGAL_PAIRS,
    OPTIONAL,
    REQUIRED,
    P,
    S,
    as_json,
    id_of,
    mapping,
    refused_field,
    without,
)

from plateflow.errors import SchemaError
from plateflow.progress.percent import percent_of, shown_percent
from plateflow.progress.strict import LINE_LIMIT
from plateflow.progress.update import (
    LARGEST_INT,
    ProgressPhase,
    ProgressStatus,
    ProgressUpdate,
    as_update,
    decode,
    encode,
)


def construct(update: dict[str, Any]) -> ProgressUpdate:
    """Make an update by hand, as code without a decoder does; enums where the mapping's text names a member."""
    fields = without(update, "type")
    for name, kind in (("phase", ProgressPhase), ("status", ProgressStatus)):
        if fields[name] in list(kind):
            fields[name] = kind(fields[name])
    return ProgressUpdate(**fields)


def decode_json(update: dict[str, Any]) -> ProgressUpdate:
    return decode(as_json(update))


EVERY_WAY_IN = pytest.mark.parametrize("read", [construct, as_update, decode_json])


@EVERY_WAY_IN
@pytest.mark.parametrize(("phase", "status"), LEGAL_PAIRS, ids=id_of)
def test_legal_pair(read: Callable[[Any], ProgressUpdate], phase: P, status: S) -> None:
    update = read(mapping(phase, status))
    assert (update.phase, update.status) == (phase, status)
    assert decode(encode(update)) == update


@EVERY_WAY_IN
@pytest.mark.parametrize(("phase", "status"), ILLEGAL_PAIRS, ids=id_of)
def test_illegal_pair(read: Callable[[Any], ProgressUpdate], phase: P, status: S) -> None:
    assert refused_field(read, mapping(phase, status)) == "status"


def test_the_pairs_are_those_of_the_design() -> None:
    assert (len(ALL_PAIRS), len(LEGAL_PAIRS)) == (28, 16)
    table = {phase: {status for p, status in LEGAL_PAIRS if p is phase} for phase in P}
    assert table == {
        P.INIT: set(S),
        P.COMPILE: set(S),
        P.AXIS_STARTED: {S.STARTED},
        P.STEP_STARTED: {S.STARTED},
        P.PATTERN_GROUP: {S.RUNNING, S.ERROR},
        P.STEP_COMPLETED: {S.COMPLETED, S.ERROR},
        P.AXIS_COMPLETED: {S.COMPLETED, S.ERROR},
    }


@pytest.mark.parametrize("read", [as_update, decode_json])
@pytest.mark.parametrize("field", REQUIRED)
def test_missing(read: Callable[[Any], ProgressUpdate], field: str) -> None:
    assert refused_field(read, without(mapping(), field)) == field


@pytest.mark.parametrize("read", [as_update, decode_json])
@pytest.mark.parametrize("field", REQUIRED + OPTIONAL)
def test_null(read: Callable[[Any], ProgressUpdate], field: str) -> None:
    assert refused_field(read, mapping(P.PATTERN_GROUP, S.ERROR, **{field: None})) == field


@pytest.mark.parametrize("read", [as_update, decode_json])
@pytest.mark.parametrize(
    "field", ["queued", "Axis_id", "axis-id", "axis id", "é", "seq", "__class__", "$.total", "a`b"]
)
def test_unknown(read: Callable[[Any], ProgressUpdate], field: str) -> None:
    assert refused_field(read, mapping(**{field: 1})) == field


@pytest.mark.parametrize("field", REQUIRED + OPTIONAL)
def test_duplicated(field: str) -> None:
    update = mapping(P.PATTERN_GROUP, S.ERROR, pattern="s1", component="DAPI", message="m", traceback="t")
    twice = as_json(update)[:-1] + b", " + as_json({field: update[field]})[1:]
    assert refused_field(decode, twice) == field


def test_duplicated_by_an_escaped_key() -> None:
    assert refused_field(decode, as_json(mapping())[:-1] + rb', "\u0061xis_id": "B06"}') == "axis_id"


@EVERY_WAY_IN
@pytest.mark.parametrize(
    "pair", [(P.PATTERN_GROUP, S.ERROR), (P.PATTERN_GROUP, S.RUNNING), (P.AXIS_STARTED, S.STARTED)]
)
@pytest.mark.parametrize(("field", "value"), MISTYPED, ids=lambda v: repr(v)[:20])
def test_mistyped(read: Callable[[Any], ProgressUpdate], pair: tuple[P, S], field: str, value: object) -> None:
    assert refused_field(read, mapping(*pair, **{field: value})) == field


@pytest.mark.parametrize("read", [as_update, decode_json])
@pytest.mark.parametrize("value", ["", "Progress", "execution", "worker", None, 1, ["progress"]], ids=repr)
def test_type_is_progress(read: Callable[[Any], ProgressUpdate], value: object) -> None:
    assert refused_field(read, mapping(type=value)) == "type"
    assert refused_field(read, {"type": value}) == "type"


@EVERY_WAY_IN
@pytest.mark.parametrize(("update", "field"), RULES.values(), ids=RULES.keys())
def test_rule(read: Callable[[Any], ProgressUpdate], update: dict[str, Any], field: str) -> None:
    assert refused_field(read, update) == field


@EVERY_WAY_IN
@pytest.mark.parametrize("update", LEGAL.values(), ids=LEGAL.keys())
def test_legal(read: Callable[[Any], ProgressUpdate], update: dict[str, Any]) -> None:
    assert json.loads(encode(read(update))) == update


@pytest.mark.parametrize("read", [construct, as_update])
@pytest.mark.parametrize("field", ["percent", "timestamp"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_finite(read: Callable[[Any], ProgressUpdate], field: str, value: float) -> None:
    assert refused_field(read, mapping(**{field: value})) == field


@pytest.mark.parametrize("field", ["percent", "timestamp"])
@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"nan", b"0x1c", b"028.0", b"28."])
def test_no_json_number(field: str, text: bytes) -> None:
    assert refused_field(decode, as_json(mapping(**{field: "@"})).replace(b'"@"', text)) == field


@pytest.mark.parametrize("field", ["completed", "total", "step_index", "total_steps"])
@pytest.mark.parametrize(
    "text", [b"1e1", b"14.0", b"014", b"+14", b"1" + b"0" * 5000], ids=lambda text: text[:5].decode()
)
def test_no_json_int(field: str, text: bytes) -> None:
    assert refused_field(decode, as_json(mapping(**{field: "@"})).replace(b'"@"', text)) == field


def test_json_does_not_tell_28_from_28_0() -> None:
    assert decode(as_json(mapping(percent=28, timestamp=1700000000))) == decode(as_json(mapping()))


@pytest.mark.parametrize("field", ["execution_id", "plate_id", "axis_id", "step_name", *OPTIONAL])
def test_lone_surrogate(field: str) -> None:
    update = mapping(P.PATTERN_GROUP, S.ERROR, **{field: "a\ud800b"})
    assert refused_field(encode, construct(update)) == field
    assert refused_field(as_update, update) == field
    assert refused_field(decode, as_json(update)) == field  # json.dumps writes the escape "\ud800"
    assert refused_field(decode, json.dumps(update, ensure_ascii=False).encode(errors="surrogatepass")) == field


@pytest.mark.parametrize("text", [b"\xff", b"\xc0\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x82"])
def test_no_utf8(text: bytes) -> None:
    assert refused_field(decode, as_json(mapping(message="@")).replace(b"@", text)) == "message"


@pytest.mark.parametrize("field", ["step_name", "message", "error", "traceback"])
def test_a_line_is_at_most_128_kib(field: str) -> None:
    update = mapping(P.PATTERN_GROUP, S.ERROR, **{field: "x"})
    room = LINE_LIMIT - len(encode(as_update(update))) - len(b"\n")
    largest = update | {field: "x" * (1 + room)}
    assert len(encode(as_update(largest))) == 128 * 1024 - 1
    assert refused_field(encode, construct(update | {field: "x" * (2 + room)})) == field
    assert refused_field(as_update, update | {field: "x" * (2 + room)}) == field


WHOLE = as_json(mapping())
NO_OBJECT = {
    "nothing": b"",
    "a space": b" ",
    "null": b"null",
    "a text": b'"progress"',
    "a number": b"1",
    "an array": b"[" + WHOLE + b"]",
    "two objects": WHOLE * 2,
    "two lines": WHOLE + b"\n" + WHOLE,
    "a byte after it": WHOLE + b"\0",
    "a byte order mark": b"\xef\xbb\xbf" + WHOLE,
    "UTF-16": WHOLE.decode().encode("utf-16"),
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "a deep type": b'{"type":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("data", NO_OBJECT.values(), ids=NO_OBJECT.keys())
def test_not_one_object(data: bytes) -> None:
    assert refused_field(decode, data) == ""


@pytest.mark.parametrize("field", REQUIRED[1:] + OPTIONAL)
def test_deep_value(field: str) -> None:
    update = mapping(P.PATTERN_GROUP, S.ERROR, **{field: "@"})
    deep = as_json(update).replace(b'"@"', b"[" * 100_000 + b"]" * 100_000)
    assert refused_field(decode, deep) == field


def test_torn() -> None:
    for length in range(len(WHOLE)):
        with pytest.raises(SchemaError):
            decode(WHOLE[:length])


@pytest.mark.parametrize("value", [None, [], "progress", 1, [mapping()], {1: 2}, {"\ud800": 1}], ids=repr)
def test_no_mapping(value: Any) -> None:
    with pytest.raises(SchemaError):
        as_update(value)


def test_text_subclasses_do_not_pass() -> None:
    class Text(str):
        __slots__ = ()

    assert refused_field(construct, mapping(axis_id=Text("B06"))) == "axis_id"


@pytest.mark.parametrize("pair", [(P.PATTERN_GROUP, S.RUNNING), (P.PATTERN_GROUP, S.ERROR)], ids=["good", "failed"])
@pytest.mark.parametrize(("field", "value"), [("percent", 28), ("timestamp", 1700000000)])
def test_ints_are_no_floats(pair: tuple[P, S], field: str, value: int) -> None:
    assert refused_field(construct, mapping(*pair, **{field: value})) == field


def test_canonical_form_is_compact_and_in_the_order_of_the_fields() -> None:
    update = mapping(P.PATTERN_GROUP, S.ERROR, pattern="p", component="c", message="m", traceback="t")
    assert (
        encode(as_update(dict(reversed(update.items()))))
        == json.dumps({name: update[name] for name in REQUIRED + OPTIONAL}, separators=(",", ":")).encode()
    )


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(mapping(), indent=2).encode(),
        json.dumps(dict(reversed(mapping().items()))).encode(),
        b" \t\r\n" + WHOLE + b"\n",
        WHOLE.replace(b"B06", rb"\u00420\u0036"),
    ],
    ids=["indented", "reversed", "padded", "escaped"],
)
def test_decode_accepts_any_json_spacing(data: bytes) -> None:
    assert decode(data) == as_update(mapping())


def test_an_update_cannot_be_changed() -> None:
    update = as_update(mapping())
    with pytest.raises(AttributeError):
        update.completed = 15  # type: ignore[misc]  # that is the test
    assert refused_field(lambda changes: msgspec.structs.replace(update, **changes), {"completed": 15}) == "percent"


def test_an_update_is_passed_on_as_it_is() -> None:
    update = as_update(mapping())
    assert as_update(update) is update


def test_now_computes_percent_and_timestamp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1234.5)
    update = ProgressUpdate.now(execution_id="e", plate_id="/p", phase=P.INIT, status=S.RUNNING, completed=1, total=3)
    assert (update.percent, update.timestamp, update.axis_id) == (100 / 3, 1234.5, "")


@pytest.mark.parametrize(
    ("completed", "total", "exact", "shown"),
    [(0, 0, 0.0, 0), (0, 5, 0.0, 0), (1, 3, 100 / 3, 33), (199, 200, 99.5, 99), (5, 5, 100.0, 100)],
)
def test_percent(completed: int, total: int, exact: float, shown: int) -> None:
    assert (percent_of(completed, total), shown_percent(completed, total)) == (exact, shown)


def test_shown_percent_is_100_only_of_all() -> None:
    assert shown_percent(LARGEST_INT - 1, LARGEST_INT) == 99

"""Reading elements by one form gives what reading them by a parser gives, whatever is between and inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateflow.errors import PlateError
from plateflow.plate.formats import xml_elements
from plateflow.plate.formats.xml_elements import Row, read_rows
from plateflow.plate.formats.xml_template import find_element, make_template

if TYPE_CHECKING:
    from pathlib import Path

    from plateflow.plate.formats.xml_template import Key

NAMES = frozenset({"Image", "Well", "Root"})
WANTED: tuple[Key, ...] = (
    ("child", "X"), ("unit", "X"), ("text", ""), ("child", "id"), ("attribute", "Version"), ("attribute", "Type"),
    ("child", "Note"), ("unit", "Note"),
)  # fmt: skip
PREFIXES = st.sampled_from(["", "bts:"])
values = st.sampled_from(
    ["1", "-2.5E-06", "", "a b", "&amp;", "&#65;", "ü", "x\ny", "\u2028", "]", "'", "<![CDATA[<Image>]]>"]
)
attributes = st.tuples(st.sampled_from(["Version", "b:Type"]), values)
children = st.tuples(st.sampled_from(["id", "X", "Note", "Other"]), values, st.booleans())
spaces = st.sampled_from(["", "\n", " ", "\r\n  ", "\t"])
images = st.fixed_dictionaries(
    {
        "attributes": st.lists(attributes, max_size=2, unique_by=lambda attribute: attribute[0]),
        "children": st.lists(children, max_size=4),
        "text": values,
        "space": spaces,
        "empty": st.booleans(),
    }
)
others = st.sampled_from(
    [
        "",
        "\n",
        "<Well id='0101'/>",
        "<Well><id>1</id>\n<Image id='x'/></Well>",
        "<!-- <Image><id>9</id></Image> -->",
        "<Images>",
        "<ImageType>a</ImageType>",
        "text",
        "<?pi <Image?>",
        "<Image/>",
        "<Well><Image><id>7</id></Image></Well>",
        "<deep><deeper><Image><id>3</id></Image></deeper></deep>",
        "&lt;Image&gt;",
        "<Image><X><id>1</id></X></Image>",
    ]
)


def image_xml(image: dict[str, Any], prefix: str) -> str:
    attributes = "".join(
        f' {key}="{value}"' for key, value in image["attributes"] if "<" not in value and '"' not in value
    )
    if image["empty"]:
        return f"<{prefix}Image{attributes} />"
    children = "".join(
        f"{image['space']}<{key}{' Unit=' + chr(34) + 'm' + chr(34) if unit else ''}>{value}</{key}>"
        for key, value, unit in image["children"]
    )
    text = image["text"] if not image["children"] else ""
    return f"<{prefix}Image{attributes}>{children}{text}{image['space'] if image['children'] else ''}</{prefix}Image>"


@st.composite
def documents(draw: st.DrawFn) -> str:
    prefix = draw(PREFIXES)
    forms = draw(st.lists(images, min_size=1, max_size=2))
    parts = draw(st.lists(st.tuples(st.sampled_from(forms), others), max_size=12))
    body = "".join(f"{image_xml(image, prefix)}{other}" for image, other in parts)
    body += "</Images>" * body.count("<Images>")
    head = draw(
        st.sampled_from(["", '<?xml version="1.0" encoding="utf-8"?>\n', "<?xml version='1.0' encoding='UTF-8'?>"])
    )
    return f'{head}<Root xmlns:bts="b" xmlns:b="c">{body}</Root>'


@settings(deadline=None, max_examples=150)
@given(text=documents(), at_once=st.integers(1, 60), bom=st.booleans(), cut=st.none() | st.floats(0, 1))
def test_the_same_as_by_the_parser_alone(
    tmp_path_factory: pytest.TempPathFactory, text: str, at_once: int, bom: bool, cut: float | None
) -> None:
    path = tmp_path_factory.mktemp("xml") / "a.xml"
    data = text.encode("utf-8-sig" if bom else "utf-8")
    path.write_bytes(data if cut is None else data[: int(cut * len(data))])
    with pytest.MonkeyPatch.context() as patch:
        results: list[Any] = []
        for by_parser in (True, False):
            # A first piece is large enough to tell the encoding, as it always is.
            patch.setattr(xml_elements, "READ_AT_ONCE", 2**18 if by_parser else at_once)
            patch.setattr(xml_elements, "_UTF8", _Match(not by_parser))
            try:
                results.append(list(read_rows(str(path), NAMES, "Image", WANTED)))
            except PlateError as e:
                results.append(str(e) if "UTF-8" not in str(e) and "cut off" not in str(e) else "cut off")
    parsed, by_form = results
    if isinstance(parsed, str) and isinstance(by_form, str):
        return  # which of its faults a broken file is refused for may differ
    assert by_form == parsed


class _Match:
    """A pattern that matches always or never."""

    def __init__(self, matches: bool) -> None:
        self.match = lambda _: matches


def test_takes_what_is_written_in_one_form(tmp_path: Path) -> None:
    """And so does not call back for each tag: ten times as fast, on 100,000 images."""
    first = '<b:Image b:V="1">\n <id>K1</id>\n <X Unit="m">-1E-6</X>\n <Other>o</Other>\n <Empty></Empty>\n</b:Image>'
    assert find_element(f"<Root><b:Image b:V='2' />{first}\n{first}</Root>", "Image") == first
    template = make_template(first, WANTED)
    assert template is not None
    second = first.replace("K1", "K2").replace(">o<", ">other<").replace("<Empty><", "<Empty>e<")
    match = template.pattern.fullmatch(second)
    assert match is not None
    assert template.values(match) == ("-1E-6", "m", None, "K2", None, None, None, None)
    for other in (second.replace("K2", "K&amp;2"), second.replace("<id>", "<id >"), second.replace("\n", "\r\n")):
        assert template.pattern.fullmatch(other) is None


def test_an_attribute_only_record() -> None:
    first = '<bts:R bts:Type="IMG" bts:X="1.5">a_B02.tif</bts:R>'
    template = make_template(first, (("attribute", "X"), ("attribute", "Type"), ("text", "")))
    assert template is not None
    match = template.pattern.fullmatch(first.replace("IMG", "ERR").replace("a_B02.tif", "AF Error"))
    assert match is not None
    assert template.values(match) == ("1.5", "ERR", "AF Error")


def test_other_encodings_are_the_parsers(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    text = '<?xml version="1.0" encoding="{}"?><Root><Image><id>ü1</id></Image><Image><id>ü2</id></Image></Root>'
    for encoding in ("utf-16", "latin-1", "cp1252", "utf-8"):
        path.write_bytes(text.format(encoding).encode(encoding))
        found = list(read_rows(str(path), frozenset({"Image"}), "Image", WANTED))
        assert [row.values[3] for row in found if isinstance(row, Row)] == ["ü1", "ü2"]


def test_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(b"<Root>\n<Image><id>1</id></Image>\n\xff</Root>")
    with pytest.raises(PlateError, match=r"a\.xml, line 3: is not UTF-8, as it says"):
        list(read_rows(str(path), NAMES, "Image", WANTED))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("repeated", ["", "Image"])
def test_entities_that_expand_for_ever_are_refused(tmp_path: Path, repeated: str) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x"}">' for n in range(12))
    (tmp_path / "a.xml").write_text(f"<!DOCTYPE r [{entities}]><Root><Image><id>&e11;</id></Image></Root>")
    (tmp_path / "b.xml").write_text(
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><Root><Image><id>1</id></Image></Root>'
    )
    for name in ("a.xml", "b.xml"):
        with pytest.raises(PlateError, match=rf"{name}: declares a document type"):
            list(read_rows(str(tmp_path / name), NAMES, repeated, WANTED))


BROKEN = {
    "the first, whose tags do not fit": ("<id>1</ix>", "mismatched tag"),
    "one after the root": ("</Root>\n<Image><id>9</id></Image>\n", "junk after document element"),
    "a control character": ("<id>\x02</id>", "invalid token"),
}


@pytest.mark.parametrize(("written", "why"), BROKEN.values(), ids=BROKEN)
def test_what_no_parser_reads_is_read_by_no_form(tmp_path: Path, written: str, why: str) -> None:
    images = "".join(f"<Image><id>{number}</id></Image>\n" for number in range(1, 4))
    text = f"<Root>\n{images}</Root>\n"
    old = "</Root>\n" if "</Root>" in written else "<id>2</id>" if "\x02" in written else "<id>1</id>"
    (tmp_path / "a.xml").write_text(text.replace(old, written))
    with pytest.raises(PlateError, match=why):
        list(read_rows(str(tmp_path / "a.xml"), NAMES, "Image", WANTED))


def test_what_is_quoted_otherwise_is_read_by_the_parser(tmp_path: Path) -> None:
    image = "<Image Version='7'><X Unit='um'>5</X></Image>\n"
    (tmp_path / "a.xml").write_text(f"<Root>\n{image}{image}</Root>")
    rows = [
        row.values[:5] for row in read_rows(str(tmp_path / "a.xml"), NAMES, "Image", WANTED) if isinstance(row, Row)
    ]
    assert rows == [("5", "um", None, None, "7")] * 2


def test_an_element_in_an_instruction_is_none(tmp_path: Path) -> None:
    image = "<Image><id>1</id></Image>"
    (tmp_path / "a.xml").write_text(f"<?xml version='1.0' encoding='utf-8'?><Root>{image}<?old {image}?></Root>")
    assert len(list(read_rows(str(tmp_path / "a.xml"), frozenset({"Image"}), "Image", WANTED))) == 1

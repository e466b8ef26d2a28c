"""Names are data: whatever they hold, they are one entry of one folder."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateflow.errors import OutputError
from plateflow.storage.names import encode_alphanumeric, encode_name, fit_name, require_alphanumeric

UNCHANGED = ["Nuclei", "B06", "a-b_c.d", "x" * 64, "_one"]
CHANGED = [
    (".", "x-"),
    ("..", "x-"),
    ("../x", "x-"),
    ("a/b", "a_b-"),
    ("/etc/passwd", "etc_passwd-"),
    ("Cell body", "Cell_body-"),
    ("a\0b", "a_b-"),
    ("a\nb", "a_b-"),
    ("Zellkörper", "Zellk_rper-"),
    ("核", "x-"),
    ("CON", "CON-"),
    ("nul.txt", "nul_txt-"),
    ("zarr.json", "zarr_json-"),
    (".tmp-x", "tmp-x-"),
    ("__reserved", "reserved-"),
    ("ends.", "ends_-"),
    ("batch-2024abcd", "batch-2024abcd-"),
    ("x" * 65, "x" * 48 + "-"),
]


@pytest.mark.parametrize("name", UNCHANGED)
def test_plain_names_stay(name: str) -> None:
    assert encode_name(name) == name


@pytest.mark.parametrize(("name", "start"), CHANGED, ids=[ascii(name)[:20] for name, _ in CHANGED])
def test_other_names_become_readable_and_safe(name: str, start: str) -> None:
    encoded = encode_name(name)
    assert encoded.startswith(start)
    assert len(encoded) == len(start) + 8


@pytest.mark.parametrize("encode", [encode_name, encode_alphanumeric])
@pytest.mark.parametrize("name", ["", "\ud800"], ids=["empty", "surrogate"])
def test_refuses(name: str, encode: type[str]) -> None:
    with pytest.raises(OutputError, match=r"empty name|not Unicode"):
        encode(name)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_name_is_one_entry_below_its_root(name: str) -> None:
    encoded = encode_name(name)
    root = Path("/root/of/results")
    assert (root / encoded).parent == root
    assert len(encoded) <= 64
    assert encode_alphanumeric(name).isalnum()
    assert encode_alphanumeric(name).isascii()


@given(st.sets(st.text("aA /_.-é", min_size=1), min_size=2))
def test_names_never_share_a_file(names: set[str]) -> None:
    assert len({encode_name(name) for name in names}) == len(names)


@pytest.mark.parametrize("encode", [encode_name, encode_alphanumeric])
@pytest.mark.parametrize("name", ["Cell body", "../x", "核", "x" * 300, "a\nb"])
def test_a_name_that_is_the_file_name_of_another_gets_its_own(name: str, encode: Callable[[str], str]) -> None:
    assert encode(encode(name)) != encode(name)


NFC, NFD = "Zellkörper", "Zellko\u0308rper"


@pytest.mark.parametrize("encode", [encode_name, encode_alphanumeric])
def test_names_that_look_the_same_are_two(encode: Callable[[str], str]) -> None:
    assert unicodedata.normalize("NFC", NFD) == NFC
    assert encode(NFC) != encode(NFD)


@pytest.mark.parametrize(
    ("name", "fitted"),
    [
        ("my plate", "my plate_1"),
        ("Prüfung №7", "Prüfung №7_1"),
        ("a\nb\x1b[0m", "a_b_[0m_1"),
        ("x" * 255, "x" * 253 + "_1"),
        ("é" * 127, "é" * 126 + "_1"),
        ("", "plate_1"),
        ("a/b", "a_b_1"),
        ("\udcff", "__1"),
    ],
    ids=ascii,
)
def test_the_name_of_a_results_folder_is_readable_and_fits(name: str, fitted: str, tmp_path: Path) -> None:
    assert fit_name(name, "_1") == fitted
    (tmp_path / fitted).mkdir()


@pytest.mark.parametrize("name", ["", "..", "B/06", "B 6", "é"])
def test_require_alphanumeric_names_the_value(name: str) -> None:
    with pytest.raises(OutputError, match="row"):
        require_alphanumeric("row", name)

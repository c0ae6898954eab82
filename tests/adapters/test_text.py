"""Bytes to text: what the bytes show decides, never a guess, and the sender is told."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placefeed.adapters.text import decode

ENGLISH = [
    "Ages 11–16 – planned and emergency",
    "Children’s home, £3,500 pw",
    "“Solo” place; the home’s own school",
    "Café Zoë – Renée’s house",
    "Places\u00a0free: 2",
    "SC – Emergency inspection",
    "it’s • staffed 1:1 … day and night",
]


@pytest.mark.parametrize("text", ENGLISH)
def test_utf8_is_read_as_itself_without_a_note(text: str) -> None:
    decoded = decode(text.encode())

    assert decoded.text == text
    assert decoded.notes == ()


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_a_byte_order_mark_decides_and_is_not_part_of_the_text(mark: bytes, encoding: str) -> None:
    decoded = decode(mark + "URN\tPlaces\r\nSC000001\t2 – £3".encode(encoding))

    assert decoded.encoding == encoding
    assert decoded.text == "URN\tPlaces\r\nSC000001\t2 – £3"


def test_utf16_without_a_mark_is_told_by_its_zeros() -> None:
    decoded = decode("URN,Places\r\nSC000001,2".encode("utf-16-le"))

    assert decoded.text.startswith("URN,Places")


@pytest.mark.parametrize("text", ENGLISH)
def test_windows_1252_and_mac_roman_are_told_apart(text: str) -> None:
    windows = decode(text.encode("cp1252"))
    mac = decode(text.encode("mac_roman"))

    assert (windows.encoding, windows.text) == ("cp1252", text)
    if text == "Places\u00a0free: 2":  # one byte 0xCA between words is no capital letter
        assert mac.text == text
    assert (mac.encoding, mac.text) == ("mac-roman", text)
    assert windows.notes
    assert mac.notes


@pytest.mark.parametrize("text", ["£3,500 pw", "Fee: £410.50"])
def test_a_pound_sign_alone_is_the_same_in_both(text: str) -> None:
    assert decode(text.encode("cp1252")).text == text


def test_a_pound_sign_never_becomes_another_letter() -> None:
    assert "£3,500" in decode("Home;Fee\nOak;£3,500\nElm;£4,100\n".encode("cp1252")).text


def test_one_windows_line_in_a_utf8_file_does_not_spoil_the_rest() -> None:
    data = "Zoë – £1\n".encode() * 3 + "£2 – don’t".encode("cp1252")

    decoded = decode(data)

    assert decoded.text == "Zoë – £1\n" * 3 + "£2 – don’t"
    assert "except for 3" in decoded.notes[0]


@given(st.binary(max_size=300))
def test_any_bytes_decode(data: bytes) -> None:
    assert isinstance(decode(data).text, str)


@given(st.text(max_size=100))
def test_any_text_survives_utf8(text: str) -> None:
    if not text.startswith("\ufeff") and "\x00" not in text:
        assert decode(text.encode("utf-8", "surrogatepass") if text.isascii() else text.encode("utf-8", "ignore"))

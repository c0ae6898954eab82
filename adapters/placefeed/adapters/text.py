"""Turns a file's bytes into text: byte order mark, strict UTF-8, then Windows-1252, with Mac Roman told apart.

A statistical guesser is not used on purpose: tried on a Windows-1252 return it chose cp1250, and "£3,500" became
"Ł3,500". Only what the bytes themselves show counts here, and whoever sent the file is told what was assumed.
"""

import codecs
import re
from dataclasses import dataclass

_HIGH = re.compile(rb"[\x80-\xff]")
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_WELL_FORMED = re.compile(
    rb"(?:[\x00-\x7f]+|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})+"
)
_LOOKED_AT = 5_000
"""High bytes weighed before deciding; a file of one encoding shows itself long before."""

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16 LE, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ACCENTED = frozenset("àáâäæãåçèéêëìíîïñòóôöõøùúûüÿœß")
_SYMBOLS = frozenset("£€•·…©®™½¼¾°±×\u00a0")
_CHECK = "Please check that £ signs, dashes and accented names look right in the report."


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text, the name of its encoding, and notes for whoever sent it, in plain English."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def decode(data: bytes) -> Decoded:
    """Decode any bytes: this never fails and never drops a character silently; what was assumed is in `notes`."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _marked(data[len(mark) :], encoding)
    unmarked = _utf16_without_mark(data)
    if unmarked:
        return Decoded(
            data.decode(unmarked, "replace"), unmarked, ("This file is in UTF-16 without a byte order mark.",)
        )
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        pass
    high = len(_HIGH.findall(data))
    in_sequences = sum(len(found) for found in _UTF8_SEQUENCE.findall(data))
    if in_sequences * 2 > high:
        return _patched(data)
    if _mac_roman(data):
        return Decoded(
            data.decode("mac_roman"),
            "mac-roman",
            (
                f"This file was saved on a Mac in an old form (Mac Roman). We read it so. {_CHECK} "
                "To be sure, save it as CSV UTF-8.",
            ),
        )
    return Decoded(
        _cp1252(data),
        "cp1252",
        (
            f"This file is not in UTF-8. We read it as Windows-1252, as Excel in Britain saves CSV. {_CHECK} "
            "To be sure, save it as CSV UTF-8.",
        ),
    )


def _marked(rest: bytes, encoding: str) -> Decoded:
    try:
        return Decoded(rest.decode(encoding), encoding)
    except UnicodeDecodeError:
        if encoding == "utf-8":
            return _patched(rest)
        return Decoded(
            rest.decode(encoding, "replace"),
            encoding,
            ("Some characters of this file are damaged and are shown as \ufffd. Please save and send it again.",),
        )


def _utf16_without_mark(data: bytes) -> str | None:
    sample = data[:4_096]
    if len(sample) < 4 or 0 not in sample:
        return None
    half = len(sample) // 2
    if sample[1::2].count(0) > half * 0.7 and sample[0::2].count(0) < half * 0.1:
        return "utf-16-le"
    if sample[0::2].count(0) > half * 0.7 and sample[1::2].count(0) < half * 0.1:
        return "utf-16-be"
    return None


def _cp1252(data: bytes) -> str:
    # Windows itself reads the five undefined bytes as C1 controls; so do we, rather than fail on a whole return.
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in data)


def _patched(data: bytes) -> Decoded:
    """UTF-8 with single strange bytes in it, as when two exports were pasted together."""
    parts: list[str] = []
    odd = at = 0
    for run in _WELL_FORMED.finditer(data):  # linear, whatever the number of strange bytes
        odd += run.start() - at
        parts.append(_cp1252(data[at : run.start()]))
        parts.append(run.group().decode("utf-8"))
        at = run.end()
    odd += len(data) - at
    parts.append(_cp1252(data[at:]))
    return Decoded(
        "".join(parts),
        "utf-8",
        (f"This file is in UTF-8 except for {odd} single characters, which we read as Windows-1252. {_CHECK}",),
    )


def _mac_roman(data: bytes) -> bool:
    """Whether the high bytes, each among its neighbours, read better as Mac Roman than as Windows-1252."""
    windows = mac = 0
    for seen, found in enumerate(_HIGH.finditer(data)):
        if seen >= _LOOKED_AT:
            break
        at = found.start()
        before = _neighbour(data[at - 1 : at] if at else b"")
        after = _neighbour(data[at + 1 : at + 2])
        byte = data[at : at + 1]
        windows += _plausible(byte.decode("cp1252", "ignore"), before, after)
        mac += _plausible(byte.decode("mac_roman"), before, after)
    return mac > windows


def _neighbour(byte: bytes) -> str:
    if not byte:
        return " "
    return chr(byte[0]) if byte[0] < 0x80 else "?"


def _plausible(character: str, before: str, after: str) -> int:
    """How well a character fits between its neighbours in English text: from -3 (hardly) to 2 (just so)."""
    if not character or "\x80" <= character <= "\x9f":
        return -3
    if character in "–—":
        spaced = before.isspace() and after.isspace()
        return 2 if spaced or (before.isdigit() and after.isdigit()) else (1 if before != "?" else 0)
    if character in "“‘":
        return 2 if (before.isspace() or before in "(,;\"'[/") and after.isalnum() else -1
    if character in "”’":
        return 2 if before.isalnum() or before in ".!?,)" else -1
    if character in _SYMBOLS:
        return 1
    if character in _ACCENTED:
        # an accented small letter stands in a word, and not as the capital of one
        return 1 if before.isalpha() and not (before.isupper() and after.isupper()) else (0 if after.islower() else -2)
    if character.isalpha() and character.isupper() and character.lower() in _ACCENTED:
        if before.islower() or not (after.isalpha() or before.isalpha()):
            return -3
        return 1 if after.isalpha() else 0
    return -2

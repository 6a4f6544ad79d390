"""Mutations of text, and of files that begin with text: numbers, lines, words, encodings."""

import re
from collections.abc import Mapping

from tests.fuzz.mutations.raw_bytes import Mutation, Random

__all__ = ["TEXT"]

TEXT_BYTES = 1 << 14
"""How far into a file its text is looked at."""
NUMBER = re.compile(rb"-?\d+\.?\d*(?:[eE][-+]?\d+)?")
NUMBERS = (
    b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"-0", b"1e-320", b"1e308", b"1e30", b"2147483648", b"4294967295",
    b"-2147483649", b"9223372036854775808", b"99999999999999999999999", b"65536", b"100000000", b"1000000000", b"",
    b"0x10", b"1_000", b"1,5", b"\xd9\xa1\xd9\xa2", b"1e", b"--1", b"%d", b"NaN", b"9" * 5000, b"-1e-400",
)  # fmt: skip
WORDS = (b"", b'"', b"\\", b"%s%d%n", b"../../../../etc/passwd", b"/", b"/dev/zero", b"\xff\xfe", b"\x1b[2J",
b"LIST", b"LOCAL",
         b"True", b"none", b"\xe2\x80\xae", b"A" * 3000, b"(((((", b"[[[[[", b"\r", b"\x85", b"\xc2\xa0")  # fmt: skip
SEPARATORS = (b"\n", b" ", b",", b"=", b":", b"(", b'"', b"<", b">")


def _part(raw: bytes, random: Random, pattern: "re.Pattern[bytes]") -> tuple[int, int]:
    found = [match.span() for match in pattern.finditer(raw[:TEXT_BYTES])] or [(0, 0)]
    return found[int(random.integers(len(found)))]


def extreme_number(raw: bytes, random: Random) -> bytes:
    start, stop = _part(raw, random, NUMBER)
    return raw[:start] + NUMBERS[int(random.integers(len(NUMBERS)))] + raw[stop:]


def extreme_numbers(raw: bytes, random: Random) -> bytes:
    for _ in range(int(random.integers(2, 6))):
        raw = extreme_number(raw, random)
    return raw


def other_number(raw: bytes, random: Random) -> bytes:
    start, stop = _part(raw, random, NUMBER)
    return raw[:start] + str(int(10 ** random.uniform(0, 6))).encode() + raw[stop:]


def other_word(raw: bytes, random: Random) -> bytes:
    start, stop = _part(raw, random, re.compile(rb"[^\s]+"))
    return raw[:start] + WORDS[int(random.integers(len(WORDS)))] + raw[stop:]


def _lines(raw: bytes) -> tuple[list[bytes], bytes]:
    return raw[:TEXT_BYTES].splitlines(keepends=True), raw[TEXT_BYTES:]


def removed_line(raw: bytes, random: Random) -> bytes:
    lines, rest = _lines(raw)
    if lines:
        del lines[int(random.integers(len(lines)))]
    return b"".join(lines) + rest


def doubled_line(raw: bytes, random: Random) -> bytes:
    lines, rest = _lines(raw)
    if lines:
        n = int(random.integers(len(lines)))
        lines[n] *= int(random.choice([2, 3, 1000]))
    return b"".join(lines) + rest


def exchanged_lines(raw: bytes, random: Random) -> bytes:
    lines, rest = _lines(raw)
    if lines:
        a, b = (int(n) for n in random.integers(len(lines), size=2))
        lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines) + rest


def separator(raw: bytes, random: Random) -> bytes:
    """Return the text with a character that parts words, lines or values put in, removed or repeated."""
    old, new = (SEPARATORS[int(n)] for n in random.integers(len(SEPARATORS), size=2))
    places = [m.start() for m in re.finditer(re.escape(old), raw[:TEXT_BYTES])] or [0]
    place = places[int(random.integers(len(places)))]
    return raw[:place] + random.choice([b"", new, new * 2, old * 100]) + raw[place + 1 :]


def very_long_line(raw: bytes, random: Random) -> bytes:
    start, _ = _part(raw, random, re.compile(rb"[\s\w]"))
    piece = [b"A", b"1", b" ", b"1 ", b"0,", b"[", b"{", b"(", b"#", b'"', b"\t", b"<a>"][int(random.integers(12))]
    return raw[:start] + piece * int(10 ** random.uniform(3, 5.5)) + raw[start:]


def with_byte_order_mark(raw: bytes, random: Random) -> bytes:
    return random.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf" * 2]) + raw


def in_utf16(raw: bytes, random: Random) -> bytes:
    return raw.decode("latin-1").encode(str(random.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32"])))


def with_nul(raw: bytes, random: Random) -> bytes:
    start, _ = _part(raw, random, re.compile(rb"."))
    return raw[:start] + bytes(int(random.choice([1, 3, 1000]))) + raw[start:]


def other_line_ends(raw: bytes, random: Random) -> bytes:
    text, rest = raw[:TEXT_BYTES], raw[TEXT_BYTES:]
    return text.replace(b"\n", random.choice([b"\r\n", b"\r", b"\n\n", b"\x0b", b"\xe2\x80\xa8", b" "])) + rest


def in_latin_1(raw: bytes, random: Random) -> bytes:
    start, _ = _part(raw, random, re.compile(rb"\w"))
    return raw[:start] + b"M\xfcller" + raw[start:]


TEXT: Mapping[str, Mutation] = {
    function.__name__: function
    for function in (
        extreme_number, extreme_numbers, other_number, other_word, removed_line, doubled_line, exchanged_lines,
        separator, very_long_line, with_byte_order_mark, in_utf16, with_nul, other_line_ends, in_latin_1,
    )
}  # fmt: skip

"""Mutations of NRRD and MetaImage: encodings, names of other files, and bombs behind a header."""

import gzip
import re
from collections.abc import Mapping

from tests.fuzz.mutations.bombs import bzip2_bomb, gzip_bomb, zlib_bomb
from tests.fuzz.mutations.raw_bytes import Mutation, Random

__all__ = ["META", "NRRD"]

DATA_FILES = (
    b"a.nhdr", b"a.mhd", b"/etc/passwd", b"/dev/zero", b"..", b".", b"LIST", b"LIST 2\na.raw\na.raw", b"a.raw%d 1 9 1",
    b"a%d%s.raw 0 99999999 1", b"a%d.raw 1 5 0", b"a%d.raw 5 1 -1", b"LIST\n" + b"a.raw\n" * 5000,
    b"a.raw%999999999d 1 2 1",
    b"%n%n%n 1 2 1", b"", b"a\0b", b"a" * 5000, b"/proc/self/mem", b"a.raw ", b"skip", b"a*d.raw 1 2 1",
)  # fmt: skip
ENCODINGS = (b"raw", b"gzip", b"bzip2", b"ascii", b"hex", b"txt", b"zrl", b"unknown", b"")
SIZES = (b"1000 1000 1500", b"512 512 900", b"2000 2000 64", b"16 14 12 1", b"16 14", b"16 14 0", b"-16 14 12",
b"1 1 1",
         b"65536 65536 1", b"4294967296 4294967296 4294967296", b"3 16 14 12", b"2147483647 1 1")  # fmt: skip
NRRD_TYPES = (b"uchar", b"float", b"double", b"int64", b"block", b"complex", b"unknown", b"ushort")
META_TYPES = (b"MET_UCHAR", b"MET_FLOAT", b"MET_DOUBLE", b"MET_STRING", b"MET_OTHER", b"MET_NONE", b"MET_LONG_LONG",
              b"MET_FLOAT_MATRIX", b"MET_UCHAR_ARRAY", b"MET_ASCII_CHAR")  # fmt: skip


def _any(random: Random, values: tuple[bytes, ...]) -> bytes:
    return values[int(random.integers(len(values)))]


def _with_line(raw: bytes, name: bytes, value: bytes, *, sign: bytes) -> bytes:
    """Return a file with the value of a line of its header replaced, or with the line as its second one."""
    line = name + sign + value
    changed, count = re.subn(rb"^" + re.escape(name) + rb"\s*[:=][^\n]*", lambda _: line, raw, count=1, flags=re.M)
    return changed if count else raw.replace(b"\n", b"\n" + line + b"\n", 1)


def nrrd_data_file(raw: bytes, random: Random) -> bytes:
    return _with_line(raw, b"data file", _any(random, DATA_FILES), sign=b": ")


def nrrd_field(raw: bytes, random: Random) -> bytes:
    name, values = (
        (b"sizes", SIZES), (b"encoding", ENCODINGS), (b"type", NRRD_TYPES), (b"dimension", (b"2", b"4", b"0", b"16",
        b"17")),
        (b"line skip", (b"1", b"-1", b"99999999999")), (b"byte skip", (b"-1", b"5", b"99999999999", b"-2")),
        (b"block size", (b"4", b"-1")), (b"space", (b"RAS", b"scanner-xyz", b"left-anterior-superior-time", b"")),
        (b"space dimension", (b"2", b"3", b"9")), (b"kinds", (b"list domain domain domain", b"domain",
        b"vector domain domain")),
        (b"space directions", (b"none (1,0,0) (0,1,0) (0,0,1)", b"(0,0,0) (0,0,0) (0,0,0)",
        b"(nan,0,0) (0,1,0) (0,0,1)")),
        (b"space units", (b'"m" "m" "m"', b'"mm"', b'"')), (b"endian", (b"big", b"middle")), (b"measurement frame",
        (b"(1)",)),
        (b"Segment0_Layer", (b"9", b"-1", b"x")), (b"Segment0_LabelValue", (b"99999999999999999999", b"-1", b"nan",
        b"0")),
    )[int(random.integers(16))]  # fmt: skip
    return _with_line(raw, name, _any(random, values), sign=b": " if not name.startswith(b"Seg") else b":=")


def nrrd_bomb(raw: bytes, random: Random) -> bytes:
    head, blank, data = raw.partition(b"\n\n")
    head = _with_line(head, b"sizes", SIZES[int(random.integers(4))], sign=b": ")
    if random.random() < 0.2:
        return _with_line(head, b"encoding", b"bzip2", sign=b": ") + blank + bzip2_bomb(data[:100], random)
    return _with_line(head, b"encoding", b"gzip", sign=b": ") + blank + gzip_bomb(data[:100], random)


def meta_data_file(raw: bytes, random: Random) -> bytes:
    return _with_line(raw, b"ElementDataFile", _any(random, DATA_FILES), sign=b" = ")


def meta_field(raw: bytes, random: Random) -> bytes:
    name, values = (
        (b"DimSize", SIZES), (b"NDims", (b"2", b"4", b"0", b"-1", b"99", b"10")), (b"ElementType", META_TYPES),
        (b"ElementNumberOfChannels", (b"0", b"-1", b"3", b"1000000000", b"x")), (b"HeaderSize", (b"-1", b"-2",
        b"999999999999")),
        (b"ElementSpacing", (b"0 0 0", b"-1 -1 -1", b"nan 1 1", b"1e30 1 1", b"6 6")), (b"Offset", (b"inf 0 0", b"1")),
        (b"TransformMatrix", (b"0 0 0 0 0 0 0 0 0", b"1 2 3", b"nan 0 0 0 1 0 0 0 1", b"2 0 0 0 1 0 0 0 1")),
        (b"CompressedData", (b"True", b"False", b"1")), (b"CompressedDataSize", (b"0", b"-1", b"5",
        b"99999999999999", b"x")),
        (b"BinaryData", (b"False", b"0", b"x")), (b"AnatomicalOrientation", (b"RAI", b"???", b"A" * 9999)),
        (b"ObjectType", (b"Scene", b"Tube", b"Mesh", b"")), (b"Comment", (b"A" * 99999, b"\xff")), (b"ID", (b"x",)),
        (b"DistanceUnits", (b"m", b"um", b"\xff")),
    )[int(random.integers(16))]  # fmt: skip
    return _with_line(raw, name, _any(random, values), sign=b" = ")


def meta_bomb(raw: bytes, random: Random) -> bytes:
    head, mark, _ = raw.partition(b"ElementDataFile")
    head = _with_line(head, b"DimSize", SIZES[int(random.integers(4))], sign=b" = ")
    head = _with_line(head, b"CompressedData", b"True", sign=b" = ")
    bomb = zlib_bomb(b"", random) if random.random() < 0.7 else gzip.compress(bytes(1 << 25), mtime=0)
    return head + mark + b" = LOCAL\n" + bomb


NRRD: Mapping[str, Mutation] = {
    "nrrd_field": nrrd_field, "nrrd_fields": nrrd_field, "nrrd_data_file": nrrd_data_file, "nrrd_bomb": nrrd_bomb,
}  # fmt: skip
META: Mapping[str, Mutation] = {
    "meta_field": meta_field, "meta_fields": meta_field, "meta_data_file": meta_data_file, "meta_bomb": meta_bomb,
}  # fmt: skip

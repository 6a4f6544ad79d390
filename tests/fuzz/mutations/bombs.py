"""Compression bombs: small files that unpack to gigabytes."""

import bz2
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache

from tests.fuzz.mutations.raw_bytes import ANY, Mutation, Random

__all__ = ["deflated_bomb", "inside_gzip", "packed", "zip_archive", "zlib_bomb"]

BLOCK_BYTES = 1 << 24
BLOCKS = (4, 40, 200)
"""64 MB, 640 MB and 3.3 GB of zeros."""


@cache
def _zeros() -> bytes:
    """Return a deflated block of zeros that may be repeated within a stream."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(bytes(BLOCK_BYTES)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first


@cache
def _zeros_member() -> bytes:
    return gzip.compress(bytes(BLOCK_BYTES), mtime=0)


def _num_blocks(random: Random) -> int:
    return int(random.choice(BLOCKS, p=[0.6, 0.2, 0.2]))


def _with_zeros(head: bytes, blocks: int) -> bytes:
    """Return a raw deflated stream of some bytes and of blocks of zeros after them."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + _zeros() * blocks + zlib.compressobj(1, zlib.DEFLATED, -15).flush()


def zlib_bomb(head: bytes, random: Random) -> bytes:
    """Return a zlib stream of some bytes and of very many zeros, with the checksum that belongs to it."""
    blocks, adler = _num_blocks(random), zlib.adler32(head)
    low, high = adler & 0xFFFF, adler >> 16
    high = (high + low * blocks * BLOCK_BYTES) % 65521
    return b"\x78\x01" + _with_zeros(head, blocks) + struct.pack(">I", high << 16 | low)


def gzip_bomb(head: bytes, random: Random) -> bytes:
    """Return gzip of some bytes, followed by very many zeros."""
    return gzip.compress(head, 1, mtime=0) + _zeros_member() * _num_blocks(random)


def bzip2_bomb(head: bytes, random: Random) -> bytes:
    return bz2.compress(head + bytes(1 << 26))


def deflated_bomb(head: bytes, random: Random) -> bytes:
    """Return a raw deflated stream, as the deflated syntax of DICOM has it."""
    return _with_zeros(head, _num_blocks(random))


def _changed_inside(raw: bytes, random: Random) -> bytes:
    try:
        inner = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error):
        return raw[::-1]
    name = list(ANY)[int(random.integers(len(ANY)))]
    return gzip.compress(ANY[name](inner, random), 1, mtime=0)


def _nifti_inside(raw: bytes, random: Random) -> bytes:
    from tests.fuzz.mutations.nifti import NIFTI

    try:
        inner = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error):
        return raw[::-1]
    name = list(NIFTI)[int(random.integers(len(NIFTI)))]
    changed = NIFTI[name](inner, random)
    return gzip_bomb(changed, random) if random.random() < 0.15 else gzip.compress(changed, 1, mtime=0)


def _bomb_after_content(raw: bytes, random: Random) -> bytes:
    try:
        return gzip_bomb(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw, random)
    except (OSError, EOFError, zlib.error):
        return gzip_bomb(raw, random)


def _packed_many_times(raw: bytes, random: Random) -> bytes:
    for _ in range(int(random.integers(1, 6))):
        raw = gzip.compress(raw, 1, mtime=0)
    return raw


def _archive(members: list[tuple[str, bytes]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _members(raw: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _changed_member(raw: bytes, random: Random) -> bytes:
    from tests.fuzz.mutations.dicom import DICOM

    members, table = _members(raw), {**ANY, **DICOM}
    n, name = int(random.integers(len(members))), list(table)[int(random.integers(len(table)))]
    members[n] = (members[n][0], table[name](members[n][1], random))
    return _archive(members)


def _other_names(raw: bytes, random: Random) -> bytes:
    names = ("../../a.dcm", "/etc/passwd", "a" * 60000, "con\0.dcm", "\x1b[2J.dcm", "DICOMDIR", "a/", "", "0.dcm")
    members = _members(raw)
    n = int(random.integers(len(members)))
    members[n] = (names[int(random.integers(len(names)))], members[n][1])
    return _archive(members)


def _bomb_in_archive(raw: bytes, random: Random) -> bytes:
    """Return an archive with a member that unpacks to gigabytes and begins as DICOM does."""
    members = _members(raw)
    head, blocks = members[0][1], int(random.choice([8, 80]))
    kind = int(random.integers(3))
    if kind == 0:
        members.append(("bomb.dcm", gzip_bomb(head, random)))
    elif kind == 1:
        members.append(("bomb.dcm", _archive([("b.dcm", head + bytes(BLOCK_BYTES))])))
    else:
        members.append(("bomb.dcm", head + bytes(blocks * (BLOCK_BYTES >> 2))))
    return _archive(members)


def _false_sizes(raw: bytes, random: Random) -> bytes:
    """Return an archive whose directory states other sizes of a member."""
    places = [n for n in range(len(raw) - 4) if raw[n : n + 4] == b"PK\x01\x02"]
    place = places[int(random.integers(len(places)))] + int(random.choice([8, 10, 16, 20, 24, 28, 30, 32, 42]))
    size = 2 if place % 2 else 4
    return raw[:place] + random.choice([b"\xff", b"\x00", b"\x7f"]) * size + raw[place + size :]


packed: Mapping[str, Mutation] = {"gzip_bomb": _bomb_after_content, "packed_many_times": _packed_many_times}
inside_gzip: Mapping[str, Mutation] = {"changed_inside_gzip": _changed_inside, "nifti_inside_gzip": _nifti_inside}
zip_archive: Mapping[str, Mutation] = {
    "changed_member": _changed_member,
    "other_names": _other_names,
    "bomb_in_archive": _bomb_in_archive,
    "false_sizes": _false_sizes,
}

"""Mutations of any file: pure functions of its bytes and a generator of random numbers."""

import struct
from collections.abc import Callable, Mapping

import numpy as np

__all__ = ["ANY", "Mutation", "Random"]

Random = np.random.Generator
Mutation = Callable[[bytes, Random], bytes]
HEADER_BYTES = 512
"""Where most formats keep sizes, counts and types."""
WHOLE_NUMBERS = (
    0,
    1,
    -1,
    2,
    127,
    255,
    2**15 - 1,
    2**16 - 1,
    2**24,
    2**31 - 1,
    2**31,
    -(2**31),
    2**32 - 1,
    2**62,
    -(2**63),
)
REAL_NUMBERS = (0.0, -0.0, -1.0, np.nan, np.inf, -np.inf, 1e-320, 1e-30, 1e30, 3e38, 1e308)


def _place(raw: bytes, random: Random) -> int:
    """Return a place in the bytes: in half of the cases one in the header."""
    end = min(len(raw), HEADER_BYTES) if random.random() < 0.5 else len(raw)
    return int(random.integers(max(end, 1)))


def _replaced(raw: bytes, place: int, new: bytes) -> bytes:
    return (raw[:place] + new + raw[place + len(new) :])[: max(len(raw), len(new))]


def flipped_bit(raw: bytes, random: Random) -> bytes:
    place = _place(raw, random)
    return _replaced(raw, place, bytes([(raw[place] if raw else 0) ^ (1 << int(random.integers(8)))]))


def flipped_bytes(raw: bytes, random: Random) -> bytes:
    for _ in range(int(random.integers(1, 9))):
        raw = _replaced(raw, _place(raw, random), bytes([int(random.integers(256))]))
    return raw


def many_flipped_bytes(raw: bytes, random: Random) -> bytes:
    changed = np.frombuffer(raw, np.uint8).copy()
    hit = random.random(changed.size) < 10.0 ** random.uniform(-3, -0.5)
    changed[hit] = random.integers(0, 256, int(hit.sum()))
    return changed.tobytes()


def truncated(raw: bytes, random: Random) -> bytes:
    return raw[: _place(raw, random)]


def truncated_at_end(raw: bytes, random: Random) -> bytes:
    return raw[: -int(random.integers(1, 17))]


def extended(raw: bytes, random: Random) -> bytes:
    size = int(10 ** random.uniform(0, 5))
    return raw + (bytes(size) if random.random() < 0.5 else random.bytes(size))


def doubled_chunk(raw: bytes, random: Random) -> bytes:
    start, size = _place(raw, random), int(10 ** random.uniform(0, 3))
    return raw[: start + size] + raw[start:]


def removed_chunk(raw: bytes, random: Random) -> bytes:
    start, size = _place(raw, random), int(10 ** random.uniform(0, 3))
    return raw[:start] + raw[start + size :]


def moved_chunk(raw: bytes, random: Random) -> bytes:
    start, size, to = _place(raw, random), int(10 ** random.uniform(0, 3)), _place(raw, random)
    return _replaced(raw, to, raw[start : start + size])


def zeroed_chunk(raw: bytes, random: Random) -> bytes:
    return _replaced(raw, _place(raw, random), bytes(int(10 ** random.uniform(0, 3))))


def extreme_whole_number(raw: bytes, random: Random) -> bytes:
    """Return the bytes with a size, a count or a length replaced, wherever it stands."""
    size = int(random.choice([2, 4, 8]))
    number = int(random.choice(np.array(WHOLE_NUMBERS, dtype=object))) % 2 ** (8 * size)
    place = _place(raw, random) // 2 * 2
    return _replaced(raw, place, number.to_bytes(size, "little" if random.random() < 0.7 else "big"))


def extreme_real_number(raw: bytes, random: Random) -> bytes:
    number, code = float(random.choice(REAL_NUMBERS)), "d" if random.random() < 0.5 else "f"
    if code == "f" and abs(number) > 3.4e38:
        number = np.inf
    place = _place(raw, random) // 4 * 4
    return _replaced(raw, place, struct.pack(f"{'<' if random.random() < 0.7 else '>'}{code}", number))


def empty(raw: bytes, random: Random) -> bytes:
    return bytes(int(random.integers(0, 3)))


ANY: Mapping[str, Mutation] = {
    function.__name__: function
    for function in (
        flipped_bit, flipped_bytes, many_flipped_bytes, truncated, truncated_at_end, extended, doubled_chunk,
        removed_chunk, moved_chunk, zeroed_chunk, extreme_whole_number, extreme_real_number, empty,
    )
}  # fmt: skip

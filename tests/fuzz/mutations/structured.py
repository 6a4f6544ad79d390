"""Mutations of JSON, of safetensors, and of files that name other files."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.fuzz.mutations.raw_bytes import Mutation, Random
from tests.fuzz.mutations.text import TEXT

__all__ = ["ELASTIX", "JSON", "OBJ", "SAFETENSORS"]

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 2**63, 10**400, "", "nan", "A" * 5000, [], {}, [[]], [None] * 3, {"a": {}}, "\ud800",
    "\x00",
    float("nan"), float("inf"), [1, 2], ["1", "2", "3"], [[1, 2, 3]], "2", "RAS", "ras", "../x", 1.5, "\x1b[2J",
)  # fmt: skip


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container and key of a JSON document."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


def changed_json(raw: bytes, random: Random) -> bytes:
    """Return a document with one or a few of its values replaced, removed or put under another key."""
    try:
        document = json.loads(raw)
    except ValueError:
        return raw[1:]
    for _ in range(int(random.choice([1, 1, 2, 3]))):
        places = _places(document)
        if not places:
            break
        container, key = places[int(random.integers(len(places)))]
        kind = random.random()
        if kind < 0.15:
            del container[key]
        elif kind < 0.25 and isinstance(container, dict):
            container["other"] = container.pop(key)
        else:
            container[key] = VALUES[int(random.integers(len(VALUES)))]
    return json.dumps(document).encode("utf-8", "surrogatepass")


def other_document(raw: bytes, random: Random) -> bytes:
    depth = int(random.choice([1, 900, 100_000]))
    kinds = (b"[]", b"null", b"1", b'"a"', b"[" * depth, b"[" * depth + b"]" * depth, b'{"a":' * depth,
        b"[" + raw + b"]",
             b'{"markups": null}', b'{"markups": [{}]}', b'{"hepareg_transforms": 1, "files": 3}', b"1" * 5000,
             b"NaN")  # fmt: skip
    return kinds[int(random.integers(len(kinds)))]


def changed_header_of_safetensors(raw: bytes, random: Random) -> bytes:
    """Return a file with another JSON header, whose length is stated."""
    size = int.from_bytes(raw[:8], "little")
    header, rest = raw[8 : 8 + size], raw[8 + size :]
    table = {"changed_json": changed_json, "other_document": other_document, **TEXT}
    name = "changed_json" if random.random() < 0.6 else list(table)[int(random.integers(len(table)))]
    header = table[name](header, random)
    return len(header).to_bytes(8, "little") + header + rest


def changed_settings_of_safetensors(raw: bytes, random: Random) -> bytes:
    """Return a file with other settings of the network in its header."""
    size = int.from_bytes(raw[:8], "little")
    header, rest = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    metadata = header["__metadata__"]
    name = ("settings", "settings", "metrics", "preprocessing")[int(random.integers(4))]
    if random.random() < 0.5:
        metadata[name] = changed_json(metadata[name].encode(), random).decode("utf-8", "replace")
    else:
        numbers = re.sub(r"\d+", lambda m: str(int(random.choice([0, -1, 1, 3, 64, 100_000]))), metadata[name])
        metadata[name] = numbers
    content = json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + rest


def reference(raw: bytes, random: Random) -> bytes:
    """Return elastix' parameters with another initial transform or another kind."""
    names = (
        "TransformParameters.0.txt", "TransformParameters.1.txt", "./TransformParameters.1.txt", "/etc/passwd",
        "/dev/zero",
        "..", ".", "NoInitialTransform", "", "gone.txt", "a" * 5000, "C:\\\\x\\\\TransformParameters.0.txt", "\\0",
    )  # fmt: skip
    line = f'(InitialTransformParameterFileName "{names[int(random.integers(len(names)))]}")\n'.encode()
    raw = re.sub(rb"\(InitialTransformParameters?FileName[^\n]*\n", b"", raw)
    combine = [b"", b'(HowToCombineTransforms "Add")\n', b'(HowToCombineTransforms "Compose")\n']
    return combine[int(random.integers(3))] + line + raw


def other_kind(raw: bytes, random: Random) -> bytes:
    kinds = (
        "AffineLogTransform",
        "AffineTransform",
        "SimilarityTransform",
        "File",
        "BSplineTransform",
        "TranslationTransform",
        "",
    )
    numbers = " ".join(
        f"{x:.6g}" for x in random.normal(0, 10.0 ** random.uniform(-2, 5), int(random.choice([3, 6, 7, 12])))
    )
    raw = re.sub(rb"\(TransformParameters [^\n]*", lambda _: f"(TransformParameters {numbers})".encode(), raw)
    kind = kinds[int(random.integers(len(kinds)))]
    return re.sub(rb"\(Transform [^\n]*", lambda _: f'(Transform "{kind}")'.encode(), raw)


def in_toml(raw: bytes, random: Random) -> bytes:
    """Return elastix' parameters in TOML, with a mutation of its text in most cases."""
    lines = []
    for name, value in re.findall(rb"^\((\w+) ([^\n]*)\)", raw, re.MULTILINE):
        words = value.split() if value[:1] != b'"' else [value]
        lines.append(name + b" = " + (words[0] if len(words) == 1 else b"[" + b", ".join(words) + b"]"))
    text = b"\n".join(lines) + b"\n"
    table = list(TEXT.values())
    return text if random.random() < 0.2 else table[int(random.integers(len(table)))](text, random)


def obj_elements(raw: bytes, random: Random) -> bytes:
    """Return an OBJ file with other faces, groups and materials, or one that names other files."""
    lines = (b"f 1 2 99999999", b"f -1 -2 -3", b"f 0 0 0", b"f 1 2", b"f 1/9/9 2/9/9 3/9/9", b"f", b"v nan 0 0",
    b"v 1 2", b"v",
             b"mtllib a.obj", b"mtllib /dev/zero", b"mtllib ../../etc/passwd", b"usemtl", b"g", b"l 1 2",
             b"call a.obj", b"vn inf 0 0",
             b"f 1//99999 2//1 3//1", b"v 1e999 0 0", b"vp 1 1", b"curv 1", b"f 1 2 3 4 5 6 7 8", b"s off",
             b"f 1/ 2/ 3/")  # fmt: skip
    for _ in range(int(random.integers(1, 4))):
        raw += lines[int(random.integers(len(lines)))] + b"\n"
    return raw


JSON: Mapping[str, Mutation] = {
    "changed_json": changed_json, "changed_json_again": changed_json, "other_document": other_document,
}  # fmt: skip
SAFETENSORS: Mapping[str, Mutation] = {
    "changed_header": changed_header_of_safetensors, "changed_settings": changed_settings_of_safetensors,
}  # fmt: skip
ELASTIX: Mapping[str, Mutation] = {"reference": reference, "other_kind": other_kind, "in_toml": in_toml}
OBJ: Mapping[str, Mutation] = {"obj_elements": obj_elements}

"""Names of a label map's numbers: from the extension that TotalSegmentator writes into NIfTI, or its known numbering.

References
----------
Wasserthal, J. et al. TotalSegmentator: robust segmentation of 104 anatomic structures in CT images. Radiology:
Artificial Intelligence 5, 2023. doi:10.1148/ryai.230024
"""

import re
from collections.abc import Mapping
from pathlib import Path

from hepareg.io.byte_stream import open_bytes, reading
from hepareg.io.nifti_header import read_header

__all__ = ["TOTALSEGMENTATOR_LIVER", "read_label_names"]

TOTALSEGMENTATOR_LIVER = 5
MAX_EXTENSION_BYTES = 1 << 22
LABEL = re.compile(
    rb'<Label\s[^>]*?Key="(\d{1,6})"[^>]*>\s*(?:<!\[CDATA\[(.{0,200}?)\]\]>|([^<]{0,200}))\s*</Label>', re.DOTALL
)


def read_label_names(path: str | Path) -> Mapping[int, str]:
    """Read the names of a NIfTI file's labels from the label table in its extension; none if there is no table."""
    with reading(path, expected="a NIfTI image"), open_bytes(path) as stream:
        header = read_header(stream)
        size = int(float(header["vox_offset"])) - int(header["sizeof_hdr"])
        extension = stream.read(size) if 0 < size < MAX_EXTENSION_BYTES else b""
    found = {int(m[1]): (m[2] or m[3] or b"").decode("utf-8", "replace").strip() for m in LABEL.finditer(extension)}
    return {number: name for number, name in found.items() if number > 0}

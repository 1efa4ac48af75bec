"""What an object's first bytes say that it holds, where it is read as text."""

from __future__ import annotations

import re

from .errors import BadObject

RENAME = "Let its name end in "
# What no text in UTF-8 begins with, and what to do with such an object. Line by line, some of it could pass.
SIGNATURES = {
    "UTF-16": (re.compile(rb"\xff\xfe|\xfe\xff"), "Convert it to UTF-8"),
    "gzip": (re.compile(rb"\x1f\x8b\x08"), RENAME + ".gz"),
    "bzip2": (re.compile(rb"BZh[1-9]1AY&SY"), RENAME + ".bz2"),
    "zstandard": (re.compile(rb"\x28\xb5\x2f\xfd"), RENAME + ".zst"),
    "xz": (re.compile(rb"\xfd7zXZ\x00"), "Decompress it"),
    "zip": (re.compile(rb"PK\x03\x04"), "Unpack it"),
    "parquet": (re.compile(rb"PAR1\x15"), "Read it in SQL, with the format parquet"),
}


def check_is_text(data: bytes, url: str, compression: str) -> None:
    """Raise BadObject if an object is read as text, and begins as something else does.

    Args:
        data: what it begins with, decompressed.
        compression: the suffix that says how it is compressed, or nothing.
    """
    found = next((name for name, (signature, _) in SIGNATURES.items() if signature.match(data)), None)
    if found is None:
        return
    what, remedy = "it", SIGNATURES[found][1]
    if compression:
        what = f"what comes out of {compression}"
        remedy = "Decompress it once" if remedy.startswith(RENAME) else remedy
    raise BadObject(
        f"{url}: read as text in UTF-8, but {what} begins as {found} does. {remedy}, or leave it out of the "
        "input"
    )

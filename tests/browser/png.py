"""Pictures of pages as small files: PNG with a palette, whose pixels Chromium counts and Python packs."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from playwright.sync_api import Page

COLOURS = 256  # that a palette may have

# The colours by how often they are used, and for each pixel the nearest of the first of them.
_COUNT = """
async ([png, most]) => {
  const bytes = Uint8Array.from(atob(png), letter => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const { data } = canvas.getImageData(0, 0, image.width, image.height);
  const colours = new Uint32Array(data.length / 4);
  const counts = new Map();
  for (let at = 0; at < colours.length; at++) {
    const colour = (data[4 * at] << 16) | (data[4 * at + 1] << 8) | data[4 * at + 2];
    colours[at] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  const palette = sorted.slice(0, most).map(([colour]) => colour);
  const places = new Map(palette.map((colour, place) => [colour, place]));
  const far = (one, other) => [16, 8, 0]
    .map(shift => ((one >> shift) & 255) - ((other >> shift) & 255))
    .reduce((sum, step) => sum + step * step, 0);
  const nearest = colour => palette.reduce(
    (best, other, place) => far(colour, other) < far(colour, palette[best]) ? place : best, 0);
  const pixels = Uint8Array.from(colours, colour => {
    if (!places.has(colour)) places.set(colour, nearest(colour));
    return places.get(colour);
  });
  let text = "";
  for (let at = 0; at < pixels.length; at += 32768) {
    text += String.fromCharCode(...pixels.subarray(at, at + 32768));
  }
  return { width: image.width, height: image.height, palette, pixels: btoa(text) };
}
"""


def with_palette(page: Page, png: bytes) -> bytes:
    """Return a picture with a palette of its most frequent colours, some five times as small.

    Args:
        page: any, which may run scripts that come from here.
    """
    counted: dict[str, Any] = page.evaluate(_COUNT, [base64.b64encode(png).decode(), COLOURS])
    return packed(counted["width"], counted["palette"], base64.b64decode(counted["pixels"]))


def packed(width: int, palette: list[int], pixels: bytes) -> bytes:
    """Return a PNG (W3C, third edition) of pixels that are places in a palette of 0xRRGGBB, row by row."""
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, len(pixels), width))
    header = struct.pack(">IIBBBBB", width, len(pixels) // width, 8, 3, 0, 0, 0)
    colours = b"".join(colour.to_bytes(3) for colour in palette)
    parts = {b"IHDR": header, b"PLTE": colours, b"IDAT": zlib.compress(rows, 9), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts.items()
    )

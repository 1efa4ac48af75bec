"""Zstandard, from the standard library where it has it (3.14), else its official backport."""

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdCompressor, ZstdError, ZstdFile, decompress
else:
    from backports.zstd import CompressionParameter, ZstdCompressor, ZstdError, ZstdFile, decompress

__all__ = ["CompressionParameter", "ZstdCompressor", "ZstdError", "ZstdFile", "decompress"]

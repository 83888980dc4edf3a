"""Metadata never costs an image: what a PNG or JPEG says besides its pixels is left out before Pillow reads it."""

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What shapes the pixels; everything else that may be skipped (a lower-case first letter) is.
_NEEDED = frozenset({b"tRNS", b"acTL", b"fcTL", b"fdAT"})
# Orientation stands here; anything longer is no orientation.
_EXIF_CHUNKS, _LONGEST_EXIF = frozenset({b"eXIf"}), 1 << 20


def png_pixels(content: bytes) -> bytes:
    """A PNG without its text, profiles and private chunks, which Pillow refuses when they are long or damaged.

    The same bytes when there is nothing to leave out, or when the chunks cannot be followed to the end.
    """
    kept, start, dropped = [_SIGNATURE], len(_SIGNATURE), False
    while start + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, start)
        name, end = content[start + 4 : start + 8], start + 12 + length
        if end > len(content) or not name.isalpha():
            return content if not dropped else b"".join([*kept, content[start:]])
        wanted = name[:1].isupper() or name in _NEEDED
        if not wanted and name in _EXIF_CHUNKS and length <= _LONGEST_EXIF:
            (stated,) = struct.unpack_from(">I", content, end - 4)
            wanted = zlib.crc32(content[start + 4 : end - 4]) == stated
        if wanted:
            kept.append(content[start:end])
        dropped = dropped or not wanted
        start = end
        if name == b"IEND":
            break
    else:
        kept.append(content[start:])  # too little for a chunk: the file was cut off, which the decoder is to see
    return b"".join(kept) if dropped else content


_SCAN, _RESTARTS = 0xDA, range(0xD0, 0xD9)
# APP2 colour profiles, APP3 to APP13 (Photoshop and others), APP15, comments. APP0 and APP14 shape the colours, APP1
# holds the orientation.
_JPEG_SKIPPED = frozenset({0xE2, *range(0xE3, 0xEE), 0xEF, 0xFE})


def jpeg_pixels(content: bytes) -> bytes:
    """A JPEG without profiles, comments and the blocks of other programs.

    The same bytes when there is nothing to leave out, when the segments cannot be followed, or when an index of further
    pictures (MPO) counts their bytes.
    """
    kept, start, dropped = [content[:2]], 2, False
    while start + 4 <= len(content) and content[start] == 0xFF and content[start + 1] != _SCAN:
        marker = content[start + 1]
        if marker in _RESTARTS or marker in (0x01, 0xFF):
            return content
        (length,) = struct.unpack_from(">H", content, start + 2)
        end = start + 2 + length
        body = content[start + 4 : end]
        if marker == 0xE2 and body.startswith(b"MPF\0"):
            return content
        if marker in _JPEG_SKIPPED:
            dropped = True
        else:
            kept.append(content[start:end])
        start = end
    return b"".join([*kept, content[start:]]) if dropped else content

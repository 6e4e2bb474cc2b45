"""Small files that would become very large: by their pixels, their text or nesting."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import zlib
from functools import cache

from PIL import Image as PilImage


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width: int, height: int, *, data: bytes = bytes(1_000_000), extra: bytes = b"") -> bytes:
    """A PNG that says it has so many pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + extra
        + _chunk(b"IDAT", zlib.compress(data, 9))
        + _chunk(b"IEND", b"")
    )


def swelling_png() -> bytes:
    """64 x 64 pixels, and 300 MB behind them in the same stream: a picture, if no more is read."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(10_000_000)) for _ in range(30)) + packer.flush()
    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    whole = _chunk(b"IHDR", head) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + whole


@cache
def _packed_text() -> bytes:
    return zlib.compress(bytes(200_000_000), 9)


def text_png(kind: bytes) -> bytes:
    """A PNG with 200 MB of compressed text, or a profile of that size, before its pixels."""
    packed = _packed_text()
    data = {
        b"zTXt": b"Comment\0\0" + packed,
        b"iTXt": b"Comment\0\1\0\0\0" + packed,
        b"iCCP": b"icc\0\0" + packed,
    }[kind]
    width, height = (60_000, 60_000) if kind == b"iCCP" else (64, 64)  # a profile is skipped
    return png(width, height, extra=_chunk(kind, data))


def gif(width: int, height: int) -> bytes:
    """A GIF of a huge canvas with one small frame."""
    small = io.BytesIO()
    PilImage.new("P", (8, 8)).save(small, "GIF")
    data = bytearray(small.getvalue())
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def bmp(width: int, height: int) -> bytes:
    """A BMP head with nothing behind it."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose frame header says it is huge."""
    small = io.BytesIO()
    PilImage.new("RGB", (16, 16)).save(small, "JPEG")
    data = bytearray(small.getvalue())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp(width: int, height: int) -> bytes:
    """An extended WebP of a huge canvas."""
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


PICTURES = {
    "png of 3.6 gigapixels": png(60_000, 60_000),
    "png of 65 megapixels": png(32_768, 2_000),
    "png with a text": text_png(b"zTXt"),
    "png with an international text": text_png(b"iTXt"),
    "png with a profile": text_png(b"iCCP"),
    "gif of 4 gigapixels": gif(65_535, 65_535),
    "bmp of 4 gigapixels": bmp(65_000, 65_000),
    "jpeg of 4 gigapixels": jpeg(65_000, 65_000),
    "webp of 268 megapixels": webp(16_384, 16_384),
}

BODIES = {
    "json nested 200,000 deep": b'{"query": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "json that is packed": gzip.compress(b'{"query": "' + b"x" * 50_000_000 + b'"}', 9),
}


def crowded_form(num_fields: int = 50_000) -> bytes:
    """A form, with the boundary `x`, of very many fields."""
    field = b'--x\r\ncontent-disposition: form-data; name="choices"\r\n\r\na\r\n'
    return field * num_fields + b"--x--\r\n"


def chat_with(picture: bytes) -> bytes:
    """The picture in the message of an OpenAI client."""
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "?"}]
    return json.dumps({"messages": [{"role": "user", "content": content}]}).encode()

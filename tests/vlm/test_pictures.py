"""Picture files: what is read, how it is turned, and what is refused, always as PictureError."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as PilImage

from edge import pictures
from edge.errors import PictureError
from edge.pictures import load_picture, resize_bicubic

GRADIENT = np.stack(
    np.broadcast_arrays(np.linspace(0, 255, 64), np.linspace(0, 255, 48)[:, None], np.float64(80)),
    axis=2,
).astype(np.uint8)


def encoded(fmt: str, image=GRADIENT, **kwargs) -> bytes:
    out = io.BytesIO()
    picture = image if isinstance(image, PilImage.Image) else PilImage.fromarray(image)
    picture.save(out, fmt, **kwargs)
    return out.getvalue()


@pytest.mark.parametrize("fmt", ["PNG", "BMP"])
def test_lossless_formats(fmt):
    assert np.array_equal(load_picture(encoded(fmt)), GRADIENT)


@pytest.mark.parametrize("fmt", ["JPEG", "WEBP"])
def test_lossy_formats(fmt):
    image = load_picture(encoded(fmt, quality=95))
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - GRADIENT).mean() < 4


def test_first_frame_of_a_gif():
    red, blue = (PilImage.new("RGB", (8, 6), colour) for colour in ("red", "blue"))
    image = load_picture(encoded("GIF", red, save_all=True, append_images=[blue]))
    assert image.shape == (6, 8, 3)
    assert (image == (255, 0, 0)).all()


def test_from_a_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG"))
    assert np.array_equal(load_picture(path), GRADIENT)


def test_exif_orientation():
    exif = PilImage.Exif()
    exif[0x0112] = 6  # taken with the camera turned: to be shown turned right by 90 degrees
    image = load_picture(encoded("PNG", exif=exif))
    assert np.array_equal(image, np.rot90(GRADIENT, -1))


def test_transparency_is_laid_over_white():
    clear = PilImage.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert (load_picture(encoded("PNG", clear)) == 255).all()


@pytest.mark.parametrize(
    ("picture", "value"),
    [
        (PilImage.new("L", (4, 4), 77), 77),
        (PilImage.new("1", (4, 4), 1), 255),
        (PilImage.new("P", (4, 4), 0), 0),
        (PilImage.fromarray(np.full((4, 4), 257 * 100, np.uint16)), 100),
    ],
    ids=["grey", "bits", "palette", "16 bit"],
)
def test_other_modes(picture, value):
    image = load_picture(encoded("PNG", picture))
    assert image.shape == (4, 4, 3)
    assert (image == value).all()


def test_truncated_jpeg():
    with pytest.raises(PictureError, match="truncated"):
        load_picture(encoded("JPEG", quality=95)[:-200])
    with pytest.raises(PictureError, match="truncated"):
        load_picture(encoded("JPEG", quality=95)[:300])


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "BMP", "GIF", "JPEG"])
def test_every_truncation_is_an_error(fmt):
    data = encoded(fmt, np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    for end in range(0, len(data) * 9 // 10, len(data) // 60):
        with pytest.raises(PictureError):
            load_picture(data[:end])


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "BMP", "GIF", "JPEG"])
def test_damaged_files_never_raise_anything_else(fmt):
    data, rng = encoded(fmt), np.random.default_rng(0)
    for _ in range(150):
        spoilt = bytearray(data)
        for at in rng.integers(0, len(data), 6):
            spoilt[at] = rng.integers(0, 256)
        try:
            image = load_picture(bytes(spoilt))
        except PictureError:
            continue
        assert image.shape[2] == 3


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims to be this large and holds almost nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (40_000, 10, "40000x10 pixels; each side must be"),
        (10, 40_000, "10x40000 pixels; each side must be"),
        (10_000, 10_000, "= 100000000 pixels; at most 50000000"),
        (30_000, 30_000, "at most 50000000"),
        (2**31 - 1, 2**31 - 1, "at most 50000000"),
        (0, 10, "cannot be read|not a readable"),
    ],
    ids=str,
)
def test_absurd_dimensions(width, height, message):
    with pytest.raises(PictureError, match=message):
        load_picture(png_of(width, height))


@pytest.mark.parametrize(
    "data",
    [b"hello", b"\x00" * 1000, b"<svg/>", b"%PDF-1.4", b"\xff\xd8\xff"],
    ids=["text", "zeros", "svg", "pdf", "jpeg start"],
)
def test_what_is_no_picture(data):
    with pytest.raises(PictureError, match="not a readable picture; allowed formats: JPEG, PNG"):
        load_picture(data)


def test_other_formats_are_refused():
    with pytest.raises(PictureError, match="not a readable picture"):
        load_picture(encoded("TIFF"))


def test_empty_and_missing(tmp_path):
    with pytest.raises(PictureError, match="is empty"):
        load_picture(b"")
    with pytest.raises(PictureError, match=r"none\.jpg does not exist"):
        load_picture(tmp_path / "none.jpg")
    with pytest.raises(PictureError, match="cannot be opened"):
        load_picture(tmp_path)


def test_too_many_bytes(monkeypatch, tmp_path):
    monkeypatch.setattr(pictures, "MAX_FILE_BYTES", 100)
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG"))
    with pytest.raises(PictureError, match="at most 100 are allowed"):
        load_picture(path)


def test_resize_antialiases():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize_bicubic(stripes, 16, 16)
    assert small.shape == (16, 16, 3)
    assert np.abs(small.astype(int) - 127).max() < 12

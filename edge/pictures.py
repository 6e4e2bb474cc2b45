"""Pictures from users and files: bytes of an image format in, RGB pixels out, and back; and exact
resizing.

Owns PIL. Knows nothing of cameras or the model. Everything that can be wrong with a picture file
becomes a PictureError; no exception or warning of PIL leaves this file.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image as PilImage
from PIL import ImageOps, UnidentifiedImageError

from edge.errors import PictureError
from edge.frames import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")  # of a GIF or animated WebP, the first frame
MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000
MAX_SIDE_PX = 32_768

# What PIL's decoders raise on damaged data besides OSError.
_DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)


def load_picture(source: Path | bytes) -> Image:
    """The picture in a file or in memory, turned upright by its EXIF orientation.

    Returns (H, W, 3) uint8 RGB; transparency is laid over white, 16-bit grey is scaled to 8. The
    dimensions are checked before any pixel is decoded: at most MAX_PIXELS, sides 1..MAX_SIDE_PX.
    Raises PictureError for a file that cannot be read, another format, impossible dimensions,
    or data that ends early.
    """
    name = str(source) if isinstance(source, Path) else "the picture"
    data = _read(source, name) if isinstance(source, Path) else source
    if not data:
        raise PictureError(f"{name} is empty (0 bytes)")
    if len(data) > MAX_FILE_BYTES:
        raise PictureError(f"{name} has {len(data)} bytes; at most {MAX_FILE_BYTES} are allowed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # our own limits, below, are stricter than PIL's warnings
        try:
            opened = PilImage.open(io.BytesIO(data), formats=FORMATS)
        except UnidentifiedImageError:
            raise PictureError(
                f"{name} is not a readable picture; allowed formats: {', '.join(FORMATS)}"
            ) from None
        except PilImage.DecompressionBombError:
            raise PictureError(
                f"{name} has too many pixels; at most {MAX_PIXELS} are allowed"
            ) from None
        except _DECODER_ERRORS as error:
            raise PictureError(f"{name} cannot be read: {_reason(error)}") from None
        with opened:
            _check_size(opened.width, opened.height, name)
            try:
                opened.load()
                return np.array(_to_rgb(ImageOps.exif_transpose(opened)))
            except _DECODER_ERRORS as error:
                raise PictureError(f"{name} is damaged: {_reason(error)}") from None


def encode_png(image: Image) -> bytes:
    """A picture (H, W, 3) uint8 RGB as a PNG file."""
    file = io.BytesIO()
    PilImage.fromarray(image).save(file, "PNG")
    return file.getvalue()


def encode_jpeg(image: Image, quality: int = 85) -> bytes:
    """A picture (H, W, 3) uint8 RGB as a JPEG file of a quality 1..100."""
    file = io.BytesIO()
    PilImage.fromarray(image).save(file, "JPEG", quality=quality)
    return file.getvalue()


def save_png(image: Image, path: Path) -> None:
    """Write a picture (H, W, 3) uint8 RGB as a PNG file; raises PictureError if that fails."""
    try:
        path.write_bytes(encode_png(image))
    except OSError as error:
        raise PictureError(f"{path} cannot be written: {error.strerror or error}") from None


def resize_bicubic(image: Image, width_px: int, height_px: int) -> Image:
    """The picture at another size, bicubic with antialiasing when shrinking.

    Takes and returns (H, W, 3) uint8 RGB. This is PIL's own filter, which transformers' image
    processor uses too, so the model sees the same bytes it would see there; OpenCV's bicubic has
    no antialiasing and another kernel.
    """
    size = (width_px, height_px)
    return np.array(PilImage.fromarray(image).resize(size, PilImage.Resampling.BICUBIC))


def _read(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise PictureError(f"{name} does not exist") from None
    except OSError as error:
        raise PictureError(f"{name} cannot be opened: {error.strerror or error}") from None


def _check_size(width_px: int, height_px: int, name: str) -> None:
    if not (1 <= width_px <= MAX_SIDE_PX and 1 <= height_px <= MAX_SIDE_PX):
        raise PictureError(
            f"{name} is {width_px}x{height_px} pixels; each side must be 1..{MAX_SIDE_PX}"
        )
    if width_px * height_px > MAX_PIXELS:
        raise PictureError(
            f"{name} is {width_px}x{height_px} = {width_px * height_px} pixels; "
            f"at most {MAX_PIXELS} are allowed"
        )


def _to_rgb(picture: PilImage.Image) -> PilImage.Image:
    if picture.mode.startswith("I"):  # 16 or 32 bits of grey; PIL's own conversion would clip
        grey = np.clip(np.asarray(picture).astype(np.int64) // 257, 0, 255)
        return PilImage.fromarray(grey.astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        white = PilImage.new("RGBA", layered.size, "white")
        return PilImage.alpha_composite(white, layered).convert("RGB")
    return picture.convert("RGB")


def _reason(error: BaseException) -> str:
    text = str(error)
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "the file is truncated (its data ends early)"
    return text[:200] or type(error).__name__

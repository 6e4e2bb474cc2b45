"""Clips and scenes made by code: encodes numpy pictures with PyAV, and draws small test scenes.

Knows codecs, timestamps and containers; knows nothing of cameras or of the product's code. Used by
tests of every room that needs a video.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) uint8 RGB
TimedImage = tuple[float, Image]  # presentation time in seconds, picture

# Divisible by the usual frame rates, and below the 65535 that MPEG-4 part 2 allows.
TICKS_PER_S = 12_800


def encode_clip(
    path: Path,
    frames: Iterable[TimedImage],
    *,
    codec: str = "libx264",
    gop: int = 25,
    b_frames: int = 0,
    rate_fps: int = 25,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    color: tuple[int, int] | None = None,
    rotation: int = 0,
    faststart: bool = False,
) -> Path:
    """Encode `frames` to `path` (container by suffix) and return it.

    Times may be irregular and have gaps; they must grow. The picture size may change between frames
    in a `.ts` file: a new encoder starts there with an I-frame. `color` is FFmpeg's (matrix,
    range), as (1, 1) for BT.709 limited; the pictures are converted accordingly. `rotation`
    (degrees, counterclockwise) is written as the display matrix. `faststart` puts an mp4's index
    first, so that a truncated file can still be opened.
    """
    settings = _Encoding(codec, gop, b_frames, rate_fps, pix_fmt, options or {}, color)
    flags = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=flags) as container:
        stream = None
        encoder: VideoCodecContext | None = None
        for pts_s, image in frames:
            size = (image.shape[1], image.shape[0])
            if encoder is not None and size != (encoder.width, encoder.height):
                _mux(container, stream, encoder.encode(None))
                encoder = settings.open_encoder(size)
            if encoder is None:
                stream = container.add_stream(codec, rate=rate_fps)
                if rotation:
                    stream.set_display_rotation(rotation)
                encoder = stream.codec_context
                settings.apply(encoder, size)
            _mux(container, stream, encoder.encode(settings.picture(pts_s, image)))
        if encoder is not None:
            _mux(container, stream, encoder.encode(None))
    return path


@dataclass(frozen=True)
class _Encoding:
    codec: str
    gop: int
    b_frames: int
    rate_fps: int
    pix_fmt: str
    options: dict[str, str]
    color: tuple[int, int] | None

    def open_encoder(self, size: tuple[int, int]) -> VideoCodecContext:
        encoder = av.CodecContext.create(self.codec, "w")
        self.apply(encoder, size)
        return encoder

    def apply(self, encoder: VideoCodecContext, size: tuple[int, int]) -> None:
        encoder.width, encoder.height = size
        encoder.pix_fmt = self.pix_fmt
        encoder.time_base = Fraction(1, TICKS_PER_S)
        encoder.framerate = Fraction(self.rate_fps)
        encoder.gop_size = self.gop
        encoder.max_b_frames = self.b_frames
        encoder.thread_count = 1
        options = {}
        if self.codec == "libx264":
            options = {"preset": "ultrafast", "sc_threshold": "0", "bf": str(self.b_frames)}
        elif self.codec == "libx265":
            options = {
                "preset": "ultrafast",
                "x265-params": f"log-level=none:scenecut=0:bframes={self.b_frames}"
                f":keyint={self.gop}:min-keyint={self.gop}:pools=none:frame-threads=1",
            }
        encoder.options = options | self.options
        if self.color is not None:
            encoder.colorspace, encoder.color_range = self.color

    def picture(self, pts_s: float, image: Image) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        if self.color is not None:
            matrix, color_range = self.color
            frame = frame.reformat(
                format=self.pix_fmt,
                src_color_range=2,
                dst_colorspace=matrix,
                dst_color_range=color_range,
            )
        frame.pts = round(pts_s * TICKS_PER_S)
        frame.time_base = Fraction(1, TICKS_PER_S)
        return frame


def _mux(container, stream, packets) -> None:
    for packet in packets:
        packet.stream = stream
        container.mux(packet)


def repeat_clip(source: Path, target: Path, at_least_s: float) -> Path:
    """Write `source`'s video to `target` again and again, without re-encoding, for `at_least_s`."""
    with av.open(str(source)) as clip:
        video = clip.streams.video[0]
        packets = [p for p in clip.demux(video) if p.dts is not None]
        first = min(p.pts for p in packets)
        length = max(p.pts + (p.duration or 1) for p in packets) - first
        copies = max(1, int(np.ceil(at_least_s / float(length * video.time_base))))
        with av.open(str(target), "w") as out:
            stream = out.add_stream_from_template(video)
            times = [(p.pts, p.dts) for p in packets]
            for copy in range(copies):
                for packet, (pts, dts) in zip(packets, times, strict=True):
                    packet.pts, packet.dts = pts + copy * length, dts + copy * length
                    packet.time_base = video.time_base
                    packet.stream = stream
                    out.mux(packet)
    return target


def cut_clip(source: Path, target: Path, spans: Sequence[tuple[float, float]]) -> Path:
    """Write these stretches (s) of `source`'s video one after the other, without re-encoding.

    Each begins and ends at the keyframe that is next to it or after it.
    """
    with av.open(str(source)) as clip, av.open(str(target), "w") as out:
        video = clip.streams.video[0]
        packets = [p for p in clip.demux(video) if p.dts is not None]
        keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]

        def key_at(at_s: float) -> int:
            """Where the first keyframe at this time or after it lies."""
            later = (k for k in keys if packets[k].pts * video.time_base >= at_s)
            return next(later, len(packets))

        stream = out.add_stream_from_template(video)
        begins = 0
        for start_s, end_s in spans:
            part = packets[key_at(start_s) : key_at(end_s)]
            shift = begins - part[0].dts
            begins += sum(packet.duration for packet in part)
            for packet in part:
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.time_base = video.time_base
                packet.stream = stream
                out.mux(packet)
    return target


def textured_background(width_px: int, height_px: int, seed: int = 7) -> Image:
    """A still scene with detail at several scales, (H, W, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    scene = np.zeros((height_px, width_px, 3), np.float32)
    for cell_px, weight in ((64, 60.0), (16, 30.0), (4, 12.0)):
        coarse = rng.random((height_px // cell_px + 1, width_px // cell_px + 1, 3), np.float32)
        fine = np.kron(coarse, np.ones((cell_px, cell_px, 1), np.float32))
        scene += weight * fine[:height_px, :width_px]
    return (scene + 50.0).clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Walk:
    """A figure that crosses the scene from left to right while `start_s` <= t < `end_s`."""

    start_s: float
    end_s: float
    width_frac: float = 0.12
    height_frac: float = 0.5
    color: tuple[int, int, int] = (200, 30, 30)


def moving_scene(
    duration_s: float,
    walks: Iterable[Walk] = (),
    *,
    size: tuple[int, int] = (640, 360),
    fps: float = 25.0,
    noise: float = 2.0,
    seed: int = 7,
) -> Iterator[TimedImage]:
    """A textured scene, `size` (width, height), with sensor noise and the given walks.

    Deterministic for a seed. `noise` is the standard deviation of the noise in grey levels.
    """
    width_px, height_px = size
    background = textured_background(width_px, height_px, seed)
    rng = np.random.default_rng(seed + 1)
    # A few noise pictures in turn: drawing a new one for each frame would dominate the tests' time.
    grains = [rng.normal(0.0, noise, (height_px, width_px, 1)).astype(np.int16) for _ in range(5)]
    walks = list(walks)
    for index in range(round(duration_s * fps)):
        pts_s = index / fps
        image = background.copy()
        for walk in walks:
            if walk.start_s <= pts_s < walk.end_s:
                _draw_walker(image, walk, (pts_s - walk.start_s) / (walk.end_s - walk.start_s))
        noisy = image.astype(np.int16) + grains[index % len(grains)] if noise else image
        yield pts_s, noisy.clip(0, 255).astype(np.uint8)


def _draw_walker(image: Image, walk: Walk, progress: float) -> None:
    """A body with a head and a darker lower half, so that it is more than a flat rectangle."""
    height_px, width_px = image.shape[:2]
    body_w = max(4, round(walk.width_frac * width_px))
    body_h = max(8, round(walk.height_frac * height_px))
    left = round(progress * (width_px + body_w)) - body_w
    top = height_px - body_h - height_px // 20
    span = slice(max(0, left), max(0, min(width_px, left + body_w)))
    image[top + body_h // 5 : top + body_h, span] = walk.color
    image[top + body_h * 3 // 5 : top + body_h, span] = [c // 3 for c in walk.color]
    inset = body_w // 4
    head = slice(max(0, left + inset), max(0, min(width_px, left + body_w - inset)))
    image[top : top + body_h // 5, head] = (220, 180, 150)

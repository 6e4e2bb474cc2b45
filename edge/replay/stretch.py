"""Stretch: a bounded piece of a camera or clip, kept so that it can be looked at again and again.

Holds what the sampler sees, the luma, and one picture in colour; no settings. Owns the file form in
which the daemon keeps one for the next look.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from edge.capture.source import FrameSource
from edge.errors import CaptureError, SourceBroken, SourceEnded
from edge.frames import Frame, Image, Luma
from edge.replay.outcome import SCENE_WIDTH_PX, small_jpeg

MAX_FRAMES = 3000  # 10 minutes at 5 a second, 170 MB of luma
_LONG_AGO = datetime.fromtimestamp(0, UTC)
_DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames whose time begins at 0; their pictures are their luma. `start_s` is where in the clip
    that is, `is_cut` whether the source went on, `decode_s` what decoding took, `scene` a JPEG.
    """

    name: str
    frames: tuple[Frame, ...]
    size_px: tuple[int, int]
    scene: bytes
    start_s: float = 0.0
    is_cut: bool = False
    decode_s: float = 0.0

    @property
    def length_s(self) -> float:
        """From the first picture to the last."""
        return self.frames[-1].pts_s

    def save(self, path: Path) -> None:
        """Write it to a file that `load_stretch` reads. Raises OSError."""
        facts = {
            "name": self.name,
            "size_px": self.size_px,
            "start_s": self.start_s,
            "is_cut": self.is_cut,
            "decode_s": self.decode_s,
        }
        with path.open("wb") as file:
            np.savez(
                file,
                facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
                scene=np.frombuffer(self.scene, np.uint8),
                luma=np.stack([frame.luma for frame in self.frames]),
                pts_s=np.array([frame.pts_s for frame in self.frames]),
                after_gap=np.array([frame.after_gap for frame in self.frames]),
            )


class Recorder:
    """Hands a source's frames on and keeps what a Stretch needs of them."""

    def __init__(self, name: str, *, seconds: float, start_s: float = 0.0) -> None:
        self._name, self._seconds, self._start_s = name, seconds, start_s
        self._frames: list[Frame] = []
        self._first_s = self._clip_start_s = self._decode_s = 0.0
        self._size_px = (0, 0)
        self._scene = b""
        self._is_cut = False

    def frames(self, source: FrameSource) -> Iterator[Frame]:
        """Up to `seconds` of the source's frames, from `start_s` on, their time beginning at 0.

        Blocks for as long as a live source takes. Raises CaptureError if there is not one frame.
        """
        self._clip_start_s = source.facts.start_s
        began_s = time.process_time()
        try:
            for frame in source.frames():
                if frame.pts_s >= self._start_s:
                    self._decode_s += time.process_time() - began_s
                    if self._is_over(frame):
                        self._is_cut = True
                        return
                    yield self._take(frame)
                began_s = time.process_time()
        except SourceEnded:
            pass
        except CaptureError:
            if not self._frames:
                raise
        if not self._frames:
            raise SourceBroken(f"{self._name}: there is no picture after {self._start_s:g} s")

    def stretch(self) -> Stretch:
        """What was recorded, once `frames` has come to its end."""
        return Stretch(
            self._name,
            tuple(self._frames),
            self._size_px,
            self._scene,
            self._clip_start_s + self._first_s,
            self._is_cut,
            self._decode_s,
        )

    def _is_over(self, frame: Frame) -> bool:
        if not self._frames:
            return False
        is_long = frame.pts_s - self._first_s > self._seconds or len(self._frames) >= MAX_FRAMES
        return is_long or frame.luma.shape != self._frames[0].luma.shape

    def _take(self, frame: Frame) -> Frame:
        if not self._frames:
            self._first_s, self._size_px = frame.pts_s, (frame.width_px, frame.height_px)
            self._scene = small_jpeg(frame.image(), SCENE_WIDTH_PX)
        frame = replace(
            frame, pts_s=frame.pts_s - self._first_s, after_gap=frame.after_gap or not self._frames
        )
        self._frames.append(replace(frame, read_image=_picture_of(frame.luma)))
        return frame


def load_stretch(path: Path) -> Stretch:
    """A stretch from a file that `save` wrote. Raises SourceBroken for any other."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].tobytes())
            width_px, height_px = facts["size_px"]
            times, gaps = arrays["pts_s"].tolist(), arrays["after_gap"].tolist()
            frames = [
                Frame(
                    camera=facts["name"],
                    luma=luma,
                    width_px=width_px,
                    height_px=height_px,
                    pts_s=pts_s,
                    mono_s=pts_s,
                    captured_at=_LONG_AGO,
                    seq=seq,
                    is_iframe=False,
                    after_gap=gap,
                    read_image=_picture_of(luma),
                )
                for seq, (luma, pts_s, gap) in enumerate(
                    zip(arrays["luma"], times, gaps, strict=True)
                )
            ]
            scene = arrays["scene"].tobytes()
        return Stretch(
            facts["name"],
            tuple(frames),
            (width_px, height_px),
            scene,
            facts["start_s"],
            facts["is_cut"],
            facts["decode_s"],
        )
    except _DAMAGED as error:
        raise SourceBroken(f"the pictures cannot be read any more ({error})") from None


def _picture_of(luma: Luma) -> Callable[[], Image]:
    """Reads the luma as a grey picture, so that the decoded one can be let go."""

    def read_image() -> Image:
        return np.repeat(luma[:, :, None], 3, axis=2)

    return read_image

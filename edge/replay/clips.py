"""What is replayed: one clip, all of a folder, or a drawn camera. Knows names, not contents."""

from __future__ import annotations

from pathlib import Path

from edge.errors import SourceUnreachable

SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".h264", ".h265", ".m2ts", ".m4v", ".mjpeg", ".mjpg", ".mkv"}
    | {".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"}
)


def find_clips(path: Path) -> tuple[Path, ...]:
    """The file itself, or a folder's clips by name; hidden files and sub-folders do not count. A
    drawn camera's URL stands for itself.

    Raises SourceUnreachable where there is nothing to read.
    """
    if is_drawn(path):
        return (path,)
    if not path.is_dir():
        if not path.is_file():
            raise SourceUnreachable(f"{path}: no such file")
        return (path,)
    try:
        clips = [
            one
            for one in sorted(path.iterdir())
            if one.suffix.casefold() in SUFFIXES and not one.name.startswith(".") and one.is_file()
        ]
    except OSError as error:
        raise SourceUnreachable(f"{path}: cannot be read: {error.strerror}") from None
    if not clips:
        known = ", ".join(sorted(SUFFIXES))
        raise SourceUnreachable(
            f"{path}: there is no clip in this folder (files ending in {known})"
        )
    return tuple(clips)


def is_drawn(clip: Path) -> bool:
    """Whether this is no file but a drawn camera, `demo:yard?seed=7`."""
    return str(clip).startswith("demo:")


def clip_url(clip: Path) -> str:
    """What the capture stage opens."""
    return str(clip) if is_drawn(clip) else str(clip.absolute())


def clip_name(clip: Path) -> str:
    """The file's name as it can be shown."""
    return printable(clip.name)


def printable(text: str) -> str:
    """The text with `?` for what is none and what would steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)

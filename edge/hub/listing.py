"""What a hub says about one model: the commit and, for each file, size and checksum."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

import requests
from pydantic import BaseModel, ValidationError

from edge.errors import ModelError, ModelInvalid
from edge.hub.folder import Contents
from edge.hub.wire import Hub, answer_of, retried

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_MAX_ANSWER_BYTES = 16 << 20  # a listing of 10,000 files is about 4 MB


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a model on the hub. Exactly one of the two checksums is given.

    `sha256` is of the bytes (files kept in large-file storage); `git_sha1` is git's blob id.
    """

    name: str
    size_bytes: int
    sha256: str | None
    git_sha1: str | None

    @property
    def checksum(self) -> str:
        """Whichever of the two checksums there is."""
        return self.sha256 or self.git_sha1 or ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one model that are worth fetching, smallest first."""

    repo: str
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files)


class _LargeFile(BaseModel):
    sha256: str
    size: int


class _Sibling(BaseModel):
    rfilename: str
    size: int | None = None
    blobId: str | None = None  # noqa: N815 - the protocol's name
    lfs: _LargeFile | None = None


class _Answer(BaseModel):
    sha: str
    siblings: list[_Sibling]


def check_repo_name(repo: str) -> None:
    """Raise ModelError unless `repo` is a hub's name of a model: owner, slash, name."""
    if not _REPO.fullmatch(repo) or ".." in repo:
        raise ModelError(
            f"a model on a hub is named owner/name, such as OpenVINO/Qwen3-VL-2B-Instruct-int8-ov;"
            f" not {repo!r}"
        )


def list_files(
    hub: Hub,
    session: requests.Session,
    repo: str,
    revision: str,
    note: Callable[[str], None],
    contents: Contents,
) -> Listing:
    """Ask the hub for the model's commit and its files, and keep those that are wanted.

    Raises ModelMissing, ModelError (see `wire.answer_of`), and ModelInvalid where one of the
    required files is not there.
    """
    check_repo_name(repo)
    url = f"{hub.endpoint}/api/models/{repo}/revision/{quote(revision, safe='')}?blobs=true"

    def ask() -> bytes:
        with answer_of(hub, session, url, repo=repo, headers=hub.headers()) as response:
            return b"".join(_at_most(response, _MAX_ANSWER_BYTES))

    # With nothing fetched yet a person is waiting: say soon that there is no way through.
    hasty = replace(hub, delays_s=hub.delays_s[:3])
    answer = retried(hasty, f"asking for {repo}", ask, note)
    return parse_listing(repo, answer, hub.name, contents)


def parse_listing(repo: str, content: bytes, hub_name: str, contents: Contents) -> Listing:
    """Read the hub's answer. Raises ModelError for what is not one, ModelInvalid as above."""
    try:
        answer = _Answer.model_validate_json(content)
    except ValidationError as error:
        raise ModelError(
            f"{hub_name} did not answer like a model hub; is a proxy or a login page in between?"
        ) from error
    if not re.fullmatch(r"[0-9a-f]{40}", answer.sha):
        raise ModelError(f"{hub_name}: {repo} has an impossible commit id {answer.sha[:60]!r}")
    files = [_remote_file(repo, s) for s in answer.siblings if contents.has(s.rfilename)]
    missing = contents.missing(file.name for file in files)
    if missing:
        raise ModelInvalid(
            f"{repo} is not {contents.words}: it has no {', '.join(missing[:3])}"
            + (f" (and {len(missing) - 3} more files)" if len(missing) > 3 else "")
        )
    return Listing(repo, answer.sha, tuple(sorted(files, key=lambda f: (f.size_bytes, f.name))))


def _remote_file(repo: str, sibling: _Sibling) -> RemoteFile:
    if sibling.lfs is not None:
        size_bytes, sha256, git_sha1 = sibling.lfs.size, sibling.lfs.sha256.lower(), None
        good = re.fullmatch(r"[0-9a-f]{64}", sha256)
    else:
        size_bytes = -1 if sibling.size is None else sibling.size
        sha256, git_sha1 = None, (sibling.blobId or "").lower()
        good = re.fullmatch(r"[0-9a-f]{40}", git_sha1)
    if not good or size_bytes < 0:
        raise ModelError(f"{repo}: the hub gives no checksum or size for {sibling.rfilename}")
    return RemoteFile(sibling.rfilename, size_bytes, sha256, git_sha1)


def _at_most(response: requests.Response, max_bytes: int) -> list[bytes]:
    pieces, num_bytes = [], 0
    for piece in response.iter_content(1 << 16):
        pieces.append(piece)
        num_bytes += len(piece)
        if num_bytes > max_bytes:
            raise ModelError("the hub's answer is far too long for a list of files")
    return pieces

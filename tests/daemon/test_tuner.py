"""Close looks: one at a time, bounded, in a process that can die; pictures kept for a while."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.capture.settings import SourceSettings
from edge.daemon.child import Child, ChildGone, FromChild, Inbox
from edge.daemon.plans import CameraPlan, TuneJob, tuner_body
from edge.daemon.tuner import KEPT_S, WORK_S, CancelTuneOrder, TuneOrder, Tuner
from edge.errors import EdgeError, QuestionError, SessionGone, SourceBroken, TooBusy
from edge.geometry import Polygon
from edge.sampler.settings import SamplerSettings
from edge.tuning import TuneReport, TuneRequest
from tests.support.clips import Walk, encode_clip, moving_scene
from tests.support.scripted_child import Nursery, ScriptedChild
from tests.support.web_box import tune_report

PLAN = CameraPlan(
    SourceSettings("porch", "rtsp://x/sub", main_url="rtsp://x/main", fps=4.0),
    SamplerSettings("porch", sensitivity=0.3),
)
EVERYTHING = Polygon(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))


class Bench:
    """A tuner with scripted processes."""

    def __init__(self) -> None:
        self.nursery = Nursery()
        self.jobs: list[TuneJob] = []
        self.told: dict[str, list[TuneReport | EdgeError]] = {}
        self.tuner = Tuner(self._spawn, {"porch": PLAN}.get)

    def _spawn(self, job: TuneJob, generation: int) -> ScriptedChild:
        self.jobs.append(job)
        return self.nursery.spawn(job, generation)

    def order(self, ticket: str, now: float = 0.0, **fields: object) -> None:
        told = self.told.setdefault(ticket, [])
        self.tuner.obey(TuneOrder(ticket, TuneRequest(**fields), told.append), now)  # type: ignore[arg-type]

    def says(self, outcome: object, now: float = 1.0) -> None:
        """The newest process says how it ended."""
        generation = self.nursery.newest.generation
        if self.tuner.is_current(generation):
            self.tuner.heard(FromChild("tune", generation, outcome), now)

    def reports(self, now: float = 1.0) -> None:
        """The newest process is done, and has kept its pictures."""
        Path(self.jobs[-1].keep_path).write_bytes(b"pictures")
        self.says(tune_report(TuneRequest()), now)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.tuner.stop()


def test_a_camera_is_looked_at_as_it_is_set_now(bench: Bench) -> None:
    bench.order("a", camera="porch", seconds=20.0)
    (job,) = bench.jobs
    assert job.source is not None
    assert (job.source.url, job.source.main_url, job.source.decode) == ("rtsp://x/sub", "", "all")
    assert job.sampler.sensitivity == 0.3
    assert (job.camera, job.seconds) == ("porch", 20.0)
    bench.reports()
    assert isinstance(bench.told["a"][0], TuneReport)


def test_a_clip_is_read_with_few_formats_and_a_cameras_settings(bench: Bench) -> None:
    bench.order("a", clip="/tmp/clip", name="night.mp4", settings_of="porch")
    (job,) = bench.jobs
    assert job.source is not None
    assert job.source.url == "/tmp/clip"
    assert job.source.fps == 4.0
    assert not job.source.realtime
    formats = dict(job.source.options)["format_whitelist"].split(",")
    assert "mp4" in formats
    assert not {"hls", "concat", "ffconcat", "image2", "sdp", "tty"} & set(formats)
    assert job.sampler.sensitivity == 0.3


def test_one_at_a_time(bench: Bench) -> None:
    bench.order("a", camera="porch")
    bench.order("b", camera="porch")
    assert isinstance(bench.told["b"][0], TooBusy)
    bench.reports()
    bench.order("c", camera="porch")
    assert len(bench.jobs) == 2
    assert bench.told["c"] == []


def test_the_same_pictures_can_be_looked_at_again_for_a_while(bench: Bench) -> None:
    bench.order("a", camera="porch")
    bench.reports(now=10.0)
    bench.order("b", now=20.0, again="a", mask=(EVERYTHING,))
    job = bench.jobs[-1]
    assert job.source is None
    assert Path(job.from_path).read_bytes() == b"pictures"
    assert job.camera == "porch"
    bench.says(tune_report(TuneRequest()), now=30.0)
    bench.order("c", now=40.0, again="a")
    assert isinstance(bench.told["c"][0], SessionGone), "the newest id counts"
    bench.order("d", now=40.0, again="b")
    assert Path(bench.jobs[-1].from_path).is_file()
    bench.says(SourceBroken("no more"))
    bench.tuner.check(30.0 + KEPT_S + 1)
    assert not Path(job.from_path).exists()
    bench.order("e", now=31.0 + KEPT_S, again="b")
    assert isinstance(bench.told["e"][0], SessionGone)


def test_a_new_look_takes_the_place_of_the_old_pictures(bench: Bench) -> None:
    bench.order("a", camera="porch")
    bench.reports()
    first = Path(bench.jobs[-1].keep_path)
    bench.order("b", camera="porch")
    bench.reports()
    assert not first.exists()
    assert Path(bench.jobs[-1].keep_path).exists()


def test_what_takes_too_long_is_killed(bench: Bench) -> None:
    bench.order("a", camera="porch", seconds=60.0)
    bench.tuner.check(60.0 + WORK_S - 1)
    assert not bench.nursery.newest.killed
    bench.tuner.check(60.0 + WORK_S + 1)
    assert bench.nursery.newest.killed
    (error,) = bench.told["a"]
    assert "took too long" in str(error)
    bench.says(tune_report(TuneRequest()))
    assert len(bench.told["a"]) == 1, "late words are not told"


def test_what_nobody_waits_for_is_killed(bench: Bench) -> None:
    bench.order("a", camera="porch")
    bench.tuner.obey(CancelTuneOrder("other"), 1.0)
    assert not bench.nursery.newest.killed
    bench.tuner.obey(CancelTuneOrder("a"), 1.0)
    assert bench.nursery.newest.killed
    assert bench.told["a"] == []
    bench.order("b", camera="porch")
    assert bench.told["b"] == []


def test_a_process_that_dies_is_told(bench: Bench) -> None:
    bench.order("a", camera="porch")
    bench.tuner.heard(ChildGone("tune", bench.nursery.newest.generation, -11), 1.0)
    (error,) = bench.told["a"]
    assert isinstance(error, SourceBroken)
    assert "signal 11" in str(error)
    bench.order("b", camera="garden")
    assert isinstance(bench.told["b"][0], QuestionError)


def test_a_full_disk_is_told_and_harms_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no such folder"))
    bench.order("a", camera="porch")
    assert isinstance(bench.told["a"][0], SourceBroken)
    monkeypatch.undo()
    bench.order("b", camera="porch")
    assert bench.told["b"] == []


def test_stopping_tells_whoever_waits_and_leaves_no_file() -> None:
    bench = Bench()
    bench.order("a", camera="porch")
    bench.reports()
    folder = Path(bench.jobs[-1].keep_path).parent
    bench.order("b", camera="porch")
    bench.tuner.stop()
    assert bench.nursery.newest.killed
    assert isinstance(bench.told["b"][0], TooBusy)
    assert not folder.exists()


# With real processes


class Live:
    """A tuner with real processes."""

    def __init__(self) -> None:
        self.inbox: Inbox = queue.Queue()
        self.tuner = Tuner(
            lambda job, n: Child("tune", n, tuner_body, (job,), self.inbox), {"porch": PLAN}.get
        )

    def outcome(self, ticket: str, **fields: object) -> TuneReport | EdgeError:
        told: list[TuneReport | EdgeError] = []
        self.tuner.obey(TuneOrder(ticket, TuneRequest(**fields), told.append), time.monotonic())  # type: ignore[arg-type]
        while not told:
            message = self.inbox.get(timeout=60)
            assert isinstance(message, FromChild | ChildGone)
            if self.tuner.is_current(message.generation):
                self.tuner.heard(message, time.monotonic())
        return told[0]


@pytest.fixture
def live() -> Iterator[Live]:
    live = Live()
    yield live
    live.tuner.stop()


def test_an_uploaded_clip_is_looked_at_and_again_with_a_mask(live: Live, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    encode_clip(clip, moving_scene(6, [Walk(2.0, 5.0)], fps=10, size=(320, 180)), gop=10)
    first = live.outcome("a", clip=str(clip), name="walk.mp4", suggest=False)
    assert isinstance(first, TuneReport)
    assert first.id == "a"
    assert first.source.name == "walk.mp4"
    assert first.keyframes
    clip.unlink()
    masked = live.outcome("b", again="a", mask=(EVERYTHING,), suggest=False)
    assert isinstance(masked, TuneReport)
    assert masked.source == first.source
    assert masked.keyframes == []
    sharper = live.outcome("c", again="b", sensitivity=0.75, suggest=False)
    assert isinstance(sharper, TuneReport)
    assert sharper.settings.sensitivity == 0.75
    assert sharper.keyframes


def test_an_upload_that_leads_to_other_files_is_refused(live: Live, tmp_path: Path) -> None:
    target = tmp_path / "secret.mp4"
    encode_clip(target, moving_scene(1, fps=5, size=(64, 48)))
    lists = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat": f"ffconcat version 1.0\nfile {target.name}\n",
        "text": "no clip at all\n" * 50,
    }
    for kind, text in lists.items():
        path = tmp_path / "clip"
        path.write_text(text)
        refused = live.outcome(kind, clip=str(path), name="evil.mp4")
        assert isinstance(refused, EdgeError), kind
        assert str(refused).startswith("evil.mp4: ")
        assert str(tmp_path) not in str(refused)

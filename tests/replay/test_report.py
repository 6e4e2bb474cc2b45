"""The report: valid HTML that asks nobody for anything and runs nothing, whatever names say."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ReportError
from edge.findings import VerdictReport
from edge.frames import Keyframe
from edge.geometry import Box, Polygon
from edge.replay.compare import Side, as_lines, differences, figures
from edge.replay.cost import cost_of
from edge.replay.judge import Judged, StateChange
from edge.replay.outcome import Keep, Outcome, run_clip
from edge.replay.plot import NARROW_WIDTH, WIDTH, TimeAxis, clock, nice_top, score_plot
from edge.replay.record import MAX_DROPS, MAX_ROWS, Recording, changed_cells
from edge.replay.report import build_report, write_report
from edge.replay.run import ReplayPlan, plain_plan
from edge.replay.score import add_up, score_clip
from edge.replay.truth import Event, Truth
from edge.sampler.settings import SamplerSettings
from edge.sampler.trace import Drop, Step
from tests.support.clips import Walk, encode_clip, moving_scene

EVIL = "<img src=x onerror=alert(1)>\"&'</script>"
VOID = {"meta", "link", "img", "br", "input", "hr", "rect", "line", "path", "polygon"}
SQUARE = Polygon(((0.6, 0.1), (0.9, 0.1), (0.9, 0.4)))


class Page(HTMLParser):
    """Checks that tags are closed in order, and keeps what was in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID or tag in ("rect", "line", "path", "polygon"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a beginning"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


class Silent:
    """A listener that prints nothing."""

    def begins(self, outcome: Outcome) -> None: ...
    def takes(self, outcome: Outcome, shown: object) -> None: ...
    def judges(self, outcome: Outcome, t_s: float, judged: Judged) -> None: ...
    def ends(self, outcome: Outcome) -> None: ...


class EvilJudge:
    """Rules whose names and answers are written to break out of the page."""

    def look_at(self, keyframe: Keyframe) -> Judged:
        verdict = VerdictReport(rule=EVIL, answer=EVIL, probability=0.75, verdict="yes", state="on")
        return Judged((verdict,), (StateChange(keyframe.pts_s, EVIL, "on", alert=True),))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "walk.mp4"
    encode_clip(path, moving_scene(8, [Walk(2.0, 5.0)], fps=10, size=(320, 180)), gop=10)
    named = path.with_name("<img src=x onerror=alert(1)>\"&'.mp4")
    path.rename(named)
    return named


def replayed(clip: Path, settings: SamplerSettings) -> Outcome:
    plan = ReplayPlan(plain_plan(clip).source, settings)
    outcome = Outcome(clip, plan)
    keep = Keep(trace=True, num_pictures=5)
    run_clip(outcome, judge=EvilJudge(), keep=keep, listener=Silent())  # type: ignore[arg-type]
    return outcome


@pytest.fixture(scope="module")
def outcome(clip: Path) -> Outcome:
    zones = ((EVIL, Polygon(((0.1, 0.1), (0.5, 0.1), (0.5, 0.9)))),)
    return replayed(clip, SamplerSettings(EVIL, mask=(SQUARE,), zones=zones))


@pytest.fixture(scope="module")
def truth(outcome: Outcome) -> Truth:
    known = Truth("t.json", "", (Event(2.0, 5.0, "enter", EVIL),), quiet=((0.0, 1.5),))
    outcome.score = score_clip(known, outcome.taken, outcome.length_s)
    return known


def side(label: str, *outcomes: Outcome) -> Side:
    scores = [one.score for one in outcomes if one.score is not None]
    return Side(label, outcomes, cost_of(outcomes), add_up(scores) if scores else None)


@pytest.fixture(scope="module")
def page(outcome: Outcome, truth: Truth) -> Page:
    return Page(build_report([side(EVIL, outcome)], {outcome.clip: truth}))


def test_the_clip_gave_something_to_show(outcome: Outcome) -> None:
    assert outcome.keyframes
    assert outcome.keyframes[0].picture.startswith(b"\xff\xd8")
    assert outcome.scene.startswith(b"\xff\xd8")
    assert outcome.recording is not None
    assert outcome.recording.rows
    assert outcome.recording.counts


def test_nothing_is_asked_of_anybody(page: Page) -> None:
    for tag, attrs in page.tags:
        assert tag not in {"script", "iframe", "object", "embed", "link", "form", "base", "use"}
        for name, value in attrs.items():
            assert not name.startswith("on"), f"<{tag} {name}>"
            if name in {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}:
                assert value is not None
                assert value.startswith(("data:image/jpeg;base64,", "#")), f"<{tag} {name}>"
    text = "".join(page.words)
    assert "url(" not in text
    assert "@import" not in text
    policy = [meta for meta in page.of("meta") if "http-equiv" in meta]
    assert policy[0]["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_names_are_shown_and_do_nothing(page: Page, outcome: Outcome) -> None:
    assert all(image["src"] != "x" for image in page.of("img"))
    words = "".join(page.words)
    assert outcome.clip.name in words, "the clip"
    assert words.count(EVIL) >= 6, "side, zone, rule, answer, state and event"


def test_links_lead_to_what_is_there(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {str(link["href"])[1:] for link in page.of("a")}
    assert targets
    assert targets <= set(ids)


def test_it_shows_plots_masks_zones_boxes_and_reasons(page: Page, outcome: Outcome) -> None:
    plots = [svg for svg in page.of("svg") if svg.get("class") == "plot"]
    assert len(plots) == 3
    curves = [path for path in page.of("path") if "curve" in str(path.get("class"))]
    assert len(curves) == 5
    assert all(str(curve["d"]).startswith("M") for curve in curves)
    kinds = {str(attrs.get("class")) for _, attrs in page.tags}
    assert {"mask", "zone", "box", "cell", "mark"} <= kinds
    assert {"band-quiet", "band-moving", "span-event-activity", "span-quiet-time"} <= kinds
    polygon = next(attrs for attrs in page.of("polygon") if attrs["class"] == "mask")
    assert polygon["points"] == "60.00,10.00 90.00,10.00 90.00,40.00"
    words = "".join(page.words)
    assert "motion peak" in words
    assert "What was seen and dropped" in words
    assert "activity shown" in words
    assert "CPU ms per second of video" in words
    pictures = [image for image in page.of("img") if "keyframe" in str(image["alt"])]
    assert len(pictures) == min(5, len(outcome.keyframes))


def test_two_sides_stand_beside_each_other(clip: Path, outcome: Outcome, truth: Truth) -> None:
    blind = replayed(clip, SamplerSettings("b", motion=False, scene=False, tamper=False))
    blind.score = score_clip(truth, blind.taken, blind.length_s)
    sides = [side("sharp", outcome), side("blind", blind)]
    times = tuple(t for t, _ in outcome.taken)
    assert differences(*sides)[0].only_first == times
    assert differences(*sides)[0].only_second == ()
    rows = dict(figures(sides))
    assert rows["keyframes"] == (str(len(times)), "0")
    assert rows["activity shown"] == ("100 % (1/1)", "0 % (0/1)")
    lines = as_lines(sides)
    assert [line["kind"] for line in lines] == ["summary", "summary", "difference"]
    words = "".join(Page(build_report(sides, {clip: truth})).words)
    assert "Keyframes that only one side has" in words
    assert "not shown" in words


def test_a_clip_that_could_not_be_read_has_its_place(outcome: Outcome, truth: Truth) -> None:
    broken = Outcome(Path("broken.mp4"), outcome.plan, error=f"broken.mp4: {EVIL}")
    page = Page(build_report([side("a", outcome, broken)], {}))
    assert any(EVIL in word for word in page.words)


def test_a_page_that_cannot_be_written_is_an_error(outcome: Outcome, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot be written"):
        write_report(tmp_path, [side("a", outcome)], {})


# Parts


def step(t_s: float, score: float = 0.0, state: str = "quiet", share: float = 0.0) -> Step:
    changed = np.zeros((90, 160), np.uint8)
    changed[: round(90 * share)] = 1
    return Step(t_s, state, score, 0.05, 9.0, 0.5, 0.0, (), (), changed, None, "")  # type: ignore[arg-type]


def test_a_long_recording_stays_small_and_keeps_its_peaks() -> None:
    recording = Recording()
    for number in range(3 * MAX_ROWS):
        recording.stepped(step(number * 0.2, score=0.9 if number == 1777 else 0.1))
    assert MAX_ROWS / 2 <= len(recording.rows) <= MAX_ROWS
    assert max(row.score for row in recording.rows) == 0.9
    times = [row.t_s for row in recording.rows]
    assert times == sorted(times)
    assert times[-1] > 0.99 * 3 * MAX_ROWS * 0.2


def test_what_is_rare_is_not_lost_when_rows_are_joined() -> None:
    recording = Recording()
    for number in range(2 * MAX_ROWS + 2):
        recording.stepped(step(number * 0.2, state="moving" if number == 33 else "quiet"))
    assert [row.state for row in recording.rows].count("moving") == 1


def test_neighbouring_drops_of_one_reason_are_joined() -> None:
    recording = Recording()
    left, right = Box(0.1, 0.1, 0.2, 0.2), Box(0.8, 0.1, 0.9, 0.2)
    for t_s in (1.0, 1.4, 1.8):
        recording.dropped(Drop(t_s, "paced", (left,)))
        recording.dropped(Drop(t_s, "light", (right,)))
    recording.dropped(Drop(9.0, "paced", (right,)))
    told = [(d.from_s, d.until_s, d.count, d.reason) for d in recording.drops]
    assert told == [(1.0, 1.8, 3, "paced"), (1.0, 1.8, 3, "light"), (9.0, 9.0, 1, "paced")]
    assert recording.counts == {"paced": 4, "light": 3}
    for number in range(2 * MAX_DROPS):
        recording.dropped(Drop(100.0 + 10 * number, "flicker", (left,)))
    assert len(recording.drops) == MAX_DROPS
    assert recording.counts["flicker"] == 2 * MAX_DROPS


def test_activity_is_the_share_of_pictures() -> None:
    recording = Recording()
    for number in range(10):
        recording.stepped(step(number * 0.2, share=0.5 if number < 4 else 0.0))
    assert recording.activity_share.shape == (22, 40)
    assert recording.activity_share[0, 0] == pytest.approx(0.4)
    assert recording.activity_share[-1, 0] == 0


def test_one_changed_pixel_is_noise() -> None:
    changed = np.zeros((90, 160), np.uint8)
    changed[0, 0] = changed[40, 80] = changed[41, 80] = 1
    cells = changed_cells(changed)
    assert np.argwhere(cells).tolist() == [[10, 20]]


@pytest.mark.parametrize(
    ("value", "top"), [(0.05, 0.05), (0.051, 0.1), (0.3, 0.5), (0.21, 0.25), (9.1, 10), (37, 50)]
)
def test_axes_end_at_round_numbers(value: float, top: float) -> None:
    assert nice_top(value) == pytest.approx(top)


@pytest.mark.parametrize(
    ("t_s", "text"), [(0, "0:00"), (65, "1:05"), (3599.9, "1:00:00"), (7323, "2:02:03")]
)
def test_times_read_like_a_clock(t_s: float, text: str) -> None:
    assert clock(t_s) == text


@pytest.mark.parametrize("until_s", [1.0, 7.0, 30.0, 139.0, 3600.0, 86_400.0])
@pytest.mark.parametrize("width", [WIDTH, NARROW_WIDTH])
def test_time_axis_has_a_few_ticks_in_order(until_s: float, width: float) -> None:
    ticks = TimeAxis(until_s, width).ticks()
    assert 2 <= len(ticks) <= 13
    places = [tick.at for tick in ticks]
    assert all(b - a > 40 for a, b in pairwise(places)), "words do not touch"
    assert places[-1] < width


def test_rest_breaks_the_curve() -> None:
    recording = Recording()
    for t_s in (0.0, 0.2, 0.4, 8.0, 8.2):
        recording.stepped(step(t_s))
    plot = score_plot(recording.rows, [], TimeAxis(8.4))
    assert plot.curves[0].path.count("M") == 2
    assert [band.kind for band in plot.bands] == ["quiet", "rest", "quiet"]

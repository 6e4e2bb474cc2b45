"""From a camera's URL to what FFmpeg is asked to open."""

import pytest

from edge.capture.kinds import plan_open
from edge.capture.settings import SourceSettings
from edge.errors import SourceUnsupported


@pytest.mark.parametrize(
    ("url", "kind", "target", "path", "container", "live"),
    [
        ("rtsp://u:p@h:554/x", "rtsp", "rtsp://u:p@h:554/x", "", None, True),
        ("RTSPS://h/x", "rtsp", "RTSPS://h/x", "", None, True),
        (" rtsp://h/x ", "rtsp", "rtsp://h/x", "", None, True),
        ("http://h/v.mjpg", "http", "http://h/v.mjpg", "", None, True),
        ("https://h/v.mjpg", "http", "https://h/v.mjpg", "", None, True),
        ("usb:0", "usb", "/dev/video0", "/dev/video0", "v4l2", True),
        ("usb:12", "usb", "/dev/video12", "/dev/video12", "v4l2", True),
        ("/dev/video3", "usb", "/dev/video3", "/dev/video3", "v4l2", True),
        (
            "/dev/v4l/by-id/usb-Cam_1-video-index0",
            "usb",
            "/dev/v4l/by-id/usb-Cam_1-video-index0",
            "/dev/v4l/by-id/usb-Cam_1-video-index0",
            "v4l2",
            True,
        ),
        ("/data/a.mp4", "file", "file:/data/a.mp4", "/data/a.mp4", None, False),
        ("clips/a 1:2.mp4", "file", "file:clips/a 1:2.mp4", "clips/a 1:2.mp4", None, False),
        ("file:///data/a%20b.mp4", "file", "file:/data/a b.mp4", "/data/a b.mp4", None, False),
        ("file://localhost/a.mp4", "file", "file:/a.mp4", "/a.mp4", None, False),
    ],
)
def test_plans(
    url: str, kind: str, target: str, path: str, container: str | None, live: bool
) -> None:
    plan = plan_open(SourceSettings("porch", url))
    assert (plan.kind, plan.target, plan.path, plan.format, plan.live) == (
        kind,
        target,
        path,
        container,
        live,
    )


@pytest.mark.parametrize("url", ["", "  ", "ftp://u:geheim@h/x", "gopher://h", "concat://a|b"])
def test_other_urls_are_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(SourceUnsupported, match=r"camera porch: .*allowed are rtsp://") as caught:
        plan_open(SourceSettings("porch", url))
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(("transport", "buffered"), [("tcp", False), ("udp", True)])
def test_rtsp_transport(transport: str, buffered: bool) -> None:
    options = plan_open(SourceSettings("porch", "rtsp://h/x", transport=transport)).options
    assert options["rtsp_transport"] == transport
    assert options["allowed_media_types"] == "video"
    assert ("buffer_size" in options) is buffered


def test_usb_options_reach_the_driver() -> None:
    wanted = (("video_size", "1280x720"), ("framerate", "15"), ("input_format", "mjpeg"))
    plan = plan_open(SourceSettings("desk", "usb:1", options=wanted))
    assert dict(wanted).items() <= plan.options.items()


def test_a_cameras_own_options_win() -> None:
    settings = SourceSettings("porch", "rtsp://h/x", options=(("rtsp_transport", "udp_multicast"),))
    assert plan_open(settings).options["rtsp_transport"] == "udp_multicast"


def test_files_cannot_reach_the_network_nor_streams_local_files() -> None:
    assert "http" not in plan_open(SourceSettings("c", "a.m3u8")).options["protocol_whitelist"]
    assert "file" not in plan_open(SourceSettings("c", "http://h/")).options["protocol_whitelist"]


def test_neither_settings_nor_plan_show_the_password() -> None:
    settings = SourceSettings("c", "rtsp://u:geheim@h/x", options=(("headers", "geheim"),))
    assert "geheim" not in repr(settings) + repr(plan_open(settings))


@pytest.mark.parametrize(
    "wrong",
    [{"fps": 0.0}, {"fps": -1.0}, {"open_timeout_s": 0.0}, {"read_timeout_s": -5.0},
     {"fps": float("nan")}, {"max_pixels": 0}, {"max_width_px": 3}],
    ids=str,
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"camera porch: {next(iter(wrong))} must be"):
        SourceSettings("porch", "rtsp://h/x", **wrong)

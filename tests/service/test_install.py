"""`edge service` in the tree of an image: what it makes, what it leaves alone, what it removes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main
from edge.config.load import load_config
from edge.errors import ServiceError
from edge.service.install import Wish, install_steps
from edge.service.places import PROGRAM, Places
from edge.service.unit import START, build_unit, is_our_own, marked

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None or os.geteuid() != 0,
    reason="making a user in a tree needs systemd-sysusers and root",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    return tree


@pytest.fixture
def edge_service(root: Path, capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> list[str]:
        assert main(["service", *words, "--root", str(root)]) == 0
        return capsys.readouterr().out.splitlines()

    return run


def everything(root: Path) -> dict[str, tuple[str, bytes]]:
    """Each path of a tree with its mode, owner and content."""
    found = {}
    for path in sorted(root.rglob("*")):
        about = path.lstat()
        shown = f"{stat.filemode(about.st_mode)} {about.st_uid}:{about.st_gid}"
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (shown, content)
    return found


def test_what_is_installed(root: Path, edge_service) -> None:
    lines = edge_service("install")
    assert all(line.startswith(("+ ", "= not started")) for line in lines)
    places = Places(root)
    user = next(u for u in (root / "etc/passwd").read_text().splitlines() if u.startswith("edge:"))
    uid, gid = (int(number) for number in user.split(":")[2:4])
    assert user.endswith(":/var/lib/edge:/usr/sbin/nologin")
    groups = (root / "etc/group").read_text()
    assert "edge" in groups.partition("video:")[2].splitlines()[0]
    assert "edge" in groups.partition("render:")[2].splitlines()[0]
    made = everything(root)
    assert made["etc/edge"][0] == f"drwxr-x--- 0:{gid}"
    assert made["etc/edge/edge.yaml"] == (f"-rw-r----- 0:{gid}", START.read_bytes())
    assert made["var/lib/edge"][0] == made["var/lib/edge/models"][0] == f"drwxr-x--- {uid}:{gid}"
    assert places.unit.read_text() == marked(build_unit())
    assert places.enabled.readlink() == Path("/etc/systemd/system/edge.service")


def test_again_changes_nothing(root: Path, edge_service) -> None:
    edge_service("install")
    before = everything(root)
    assert all(line.startswith("= ") for line in edge_service("install"))
    assert everything(root) == before


def test_a_dry_run_changes_nothing(root: Path, edge_service) -> None:
    lines = edge_service("install", "--dry-run")
    assert sum(line.startswith("? would ") for line in lines) == 7
    assert everything(root) == {}
    edge_service("install")
    before = everything(root)
    assert any(
        line.startswith("? would remove unit") for line in edge_service("uninstall", "--dry-run")
    )
    assert everything(root) == before


def test_what_a_person_wrote_stays(root: Path, edge_service, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "my.yaml").write_text("# mine\n")
    (mine / "secrets.yaml").write_text("mqtt: secret\n")
    edge_service("install", "-c", str(mine / "my.yaml"))
    places = Places(root)
    assert places.config.read_text() == "# mine\n"
    secrets = places.config.with_name("secrets.yaml")
    assert secrets.read_text() == "mqtt: secret\n"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o640
    (mine / "my.yaml").write_text("# another\n")
    places.unit.write_text(places.unit.read_text().replace("Nice=0", "Nice=5"))
    lines = edge_service("install", "-c", str(mine / "my.yaml"))
    assert any("is there and stays as it is; " in line for line in lines)
    assert any("was changed by hand and stays" in line for line in lines)
    assert places.config.read_text() == "# mine\n"
    assert "Nice=5" in places.unit.read_text()
    assert any("remove it yourself" in line for line in edge_service("uninstall"))
    assert places.unit.is_file()


def test_an_older_unit_of_ours_is_renewed(root: Path, edge_service) -> None:
    edge_service("install")
    unit = Places(root).unit
    unit.write_text(marked(build_unit().replace("WatchdogSec=30", "WatchdogSec=20")))
    assert f"+ unit {unit}: written" in edge_service("install")
    assert unit.read_text() == marked(build_unit())


def test_uninstalling_keeps_what_was_told_and_found(root: Path, edge_service) -> None:
    edge_service("install")
    places = Places(root)
    (places.state / "edge.db").write_text("findings")
    lines = edge_service("uninstall")
    assert not places.unit.exists()
    assert not places.enabled.is_symlink()
    assert places.config.is_file()
    assert (places.state / "edge.db").read_text() == "findings"
    assert lines[-1].startswith("= kept: ")
    assert all(line.startswith("= ") for line in edge_service("uninstall")), "nothing is left to do"


def test_status(root: Path, edge_service, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["service", "status", "--root", str(root)]) == 3
    assert capsys.readouterr().out == "not installed\n"
    edge_service("install", "--no-start")
    assert main(["service", "status", "--root", str(root)]) == 3
    assert "installed, does not start with the machine" in capsys.readouterr().out


def test_a_program_that_the_service_could_not_see_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="cannot be run"):
        list(install_steps(Wish(Places(), tmp_path / "none")))
    with pytest.raises(ServiceError, match="whole path"):
        list(install_steps(Wish(Places(), Path("edge"))))
    if sys.executable.startswith("/root/"):
        program = Path(sys.executable)
        with pytest.raises(ServiceError, match="sees nothing"):
            list(install_steps(Wish(Places(), program)))


def test_the_unit_runs_the_program_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["service", "unit", "--program", "/usr/local/bin/edge"]) == 0
    shown = capsys.readouterr().out
    assert "ExecStart=/usr/local/bin/edge run -c /etc/edge/edge.yaml" in shown
    assert str(PROGRAM) not in shown
    assert is_our_own(marked(shown))
    assert not is_our_own(shown)


def test_the_first_configuration_can_be_used() -> None:
    loaded = load_config(START)
    assert [warning.path for warning in loaded.warnings] == []
    assert loaded.config.vlm.model == "demo"


def test_only_python_itself_is_needed() -> None:
    # a package's scripts run it before anything else is sure to work
    code = (
        "import sys, edge.cli.service as s; "
        "heavy = {'pydantic', 'numpy', 'yaml', 'rich'} & sys.modules.keys(); sys.exit(bool(heavy))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

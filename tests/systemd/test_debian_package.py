"""The Debian package, built and installed, renewed, removed and purged in a tree of its own.

Without the libraries, which are hundreds of megabytes: the packaging itself, and all of the program
that needs Python alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BUILD = REPOSITORY / "systemd" / "debian" / "build"
PYTHON = "/usr/bin/python3"
NAME = "edge-keyframe-analyzer"


def missing() -> str:
    """Why no package can be built and installed here; "" if one can."""
    for program in ("dpkg-deb", "dpkg", "systemd-sysusers", PYTHON):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if os.geteuid() != 0:
        return "installing into a tree needs root"
    asked = [PYTHON, "-c", "import sys, venv; sys.exit(sys.version_info < (3, 11))"]
    done = subprocess.run(asked, check=False, capture_output=True)
    return "the system's Python is older than 3.11" if done.returncode else ""


pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.timeout(600),  # building takes 5 s of processor time, and longer on a busy machine
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    done = subprocess.run(
        [str(BUILD), "--without-dependencies", str(folder)],
        env={**os.environ, "PIP": f"{sys.executable} -m pip", "PYTHON": PYTHON},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path.parent == folder
    return path


class Tree:
    """An empty system into which dpkg installs; its scripts are told by DPKG_ROOT."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("info", "updates", "triggers"):
            (root / "var/lib/dpkg" / folder).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        (root / "etc").mkdir()

    def dpkg(self, *words: str) -> str:
        forced = ["--force-script-chrootless", "--force-depends", "--force-unsafe-io"]
        done = subprocess.run(
            ["dpkg", f"--root={self.root}", f"--log={self.root}/dpkg.log", *forced, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def edge(self, *words: str) -> str:
        """What the installed program prints; it must not find the one being tested."""
        python = self.path("/opt/edge/venv/bin/python")
        done = subprocess.run(
            [str(python), "-I", "-m", "edge", *words], capture_output=True, text=True, check=True
        )
        return done.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree")


def test_what_the_package_says_of_itself(package: Path) -> None:
    def field(name: str) -> str:
        asked = ["dpkg-deb", "--field", str(package), name]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()

    assert field("Package") == NAME
    assert package.name.startswith(f"{NAME}_{field('Version')}+py3")
    minor = int(package.name.partition("+py3")[2].partition("_")[0])
    assert f"python3 (>= 3.{minor}), python3 (<< 3.{minor + 1})" in field("Depends")
    assert 1000 < int(field("Installed-Size")) < 100_000


def test_its_life(package: Path, tree: Tree) -> None:
    said = tree.dpkg("-i", str(package))
    assert "user edge, in the groups video and render: made" in said
    unit = tree.path("/usr/lib/systemd/system/edge.service")
    assert unit.read_text() == (REPOSITORY / "systemd" / "edge.service").read_text()
    assert not tree.path("/etc/systemd/system/edge.service").exists()
    assert tree.path("/usr/bin/edge").readlink() == Path("/opt/edge/venv/bin/edge")
    assert (
        tree.path("/opt/edge/venv/bin/edge").read_text().startswith("#!/opt/edge/venv/bin/python\n")
    )
    assert tree.edge("--version").startswith("edge ")
    config, store = tree.path("/etc/edge/edge.yaml"), tree.path("/var/lib/edge/edge.db")
    assert "drawn camera" in config.read_text()
    assert "edge:x:" in tree.path("/etc/passwd").read_text()

    config.write_text("# mine\n")
    store.write_text("findings")
    assert "stays as it is" in tree.dpkg("-i", str(package))  # an update
    assert config.read_text() == "# mine\n"

    tree.dpkg("-r", NAME)
    assert not unit.exists()
    assert not tree.path("/opt/edge").exists()
    assert (config.read_text(), store.read_text()) == ("# mine\n", "findings")

    tree.dpkg("-P", NAME)
    assert not config.parent.exists()
    assert not store.parent.exists()
    assert NAME not in tree.path("/var/lib/dpkg/status").read_text()


def test_nothing_in_it_speaks_of_where_it_was_built(package: Path, tree: Tree) -> None:
    subprocess.run(["dpkg-deb", "--extract", str(package), str(tree.root)], check=True)
    own = tree.path("/opt/edge")
    words = [
        "grep",
        "-rlaE",
        "/tmp/tmp\\.|/root/|tree/opt",
        str(own / "venv/bin"),
        *own.rglob("pyvenv.cfg"),
    ]
    found = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    assert found == ""
    compiled = next(own.rglob("errors.cpython-*.pyc")).read_bytes()
    assert b"/opt/edge/venv/lib/python3" in compiled
    assert b"tree/opt" not in compiled


def test_dpkg_can_check_its_files(package: Path, tree: Tree) -> None:
    tree.dpkg("-i", str(package))
    assert tree.dpkg("--verify", NAME) == ""
    tree.path("/usr/lib/systemd/system/edge.service").write_text("changed\n")
    done = subprocess.run(
        ["dpkg", f"--root={tree.root}", "--verify", NAME],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "/usr/lib/systemd/system/edge.service" in done.stdout

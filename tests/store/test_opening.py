"""Whatever stands in the database's place is used, migrated or kept aside, never overwritten."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge.errors import StoreError
from edge.findings import ModelReport, new_finding_id
from edge.store import opening, schema
from edge.store.database import DATABASE_NAME, Store, open_store
from edge.store.place import folder_obstacle
from edge.store.settings import StoreSettings
from tests.support.finding_samples import build_finding, build_messages

NOW = 1_767_323_045.0  # 2026-01-02 03:04:05 UTC
STAMP = "20260102T030405Z"


@pytest.fixture
def database(settings: StoreSettings) -> Path:
    """A sound, closed database with 40 findings."""
    with open_store(settings) as store:
        for seq in range(1, 41):
            finding = build_finding("porch", seq)
            store.record(finding, build_messages(finding, 2), {"rule": {"seq": seq}})
    return settings.folder / DATABASE_NAME


def open_now(settings: StoreSettings) -> Store:
    return open_store(settings, clock=lambda: NOW)


def use(store: Store) -> None:
    """Whatever was found, every method works on it."""
    finding = build_finding("porch", store.next_seq("porch"))
    store.record(finding, build_messages(finding), {"rule": {}})
    assert store.finding(finding.id) == finding
    store.findings()
    store.open_findings()
    store.outbox_stats()
    store.retire([row.id for row in store.pending(1000)])
    store.enforce_limits()


def kept_aside(folder: Path) -> list[Path]:
    sides = ("-wal", "-shm", "-journal")
    return [p for p in folder.glob(f"{DATABASE_NAME}.*") if not p.name.endswith(sides)]


def put_garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def put_text(path: Path) -> None:
    path.write_text("this is not a database\n")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_in_the_header(path: Path) -> None:
    os.truncate(path, 60)


def overwrite_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xa5" * 4096)


def damage_an_index(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'findings_by_ts'"
        ).fetchone()[0]
    with path.open("r+b") as file:  # the number of the index page's cells
        file.seek((root - 1) * 4096 + 3)
        file.write(b"\0\0")


def drop_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE states")


def forget_the_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 0")


def name_an_unknown_format(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(18)
        file.write(b"\x07")


@pytest.mark.parametrize(
    "damage",
    [
        put_garbage,
        put_text,
        cut,
        cut_in_the_header,
        overwrite_a_page,
        damage_an_index,
        drop_a_table,
        forget_the_version,
        name_an_unknown_format,
    ],
)
def test_a_corrupt_database_is_kept_aside_and_a_new_one_started(
    settings: StoreSettings,
    database: Path,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    damage(database)
    damaged = database.read_bytes()

    with open_now(settings) as store:
        assert store.finding_ids() == []
        assert store.next_seq("porch") == 1
        use(store)

    (kept,) = kept_aside(settings.folder)
    assert kept.name == f"{DATABASE_NAME}.corrupt-{STAMP}"
    assert kept.read_bytes() == damaged
    (told,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert str(kept) in told.getMessage()


def test_a_database_flipped_anywhere_never_stops_the_daemon(
    settings: StoreSettings, database: Path
) -> None:
    good = database.read_bytes()
    rng = random.Random(3)
    places = [*range(100), *(rng.randrange(100, len(good)) for _ in range(60))]
    num_kept = 0
    for place in places:
        shutil.rmtree(settings.folder)
        settings.folder.mkdir()
        flipped = bytearray(good)
        flipped[place] ^= 1 << rng.randrange(8)
        database.write_bytes(flipped)
        with open_now(settings) as store:
            use(store)
        for kept in kept_aside(settings.folder):
            num_kept += 1
            assert kept.read_bytes() == bytes(flipped)
    assert 0 < num_kept < len(places)


def test_files_kept_aside_do_not_replace_each_other(
    settings: StoreSettings, database: Path
) -> None:
    contents = [b"first " * 500, b"second " * 500, b"third " * 500]
    for content in contents:
        database.write_bytes(content)
        open_now(settings).close()
    assert sorted(p.read_bytes() for p in kept_aside(settings.folder)) == contents


def test_the_log_is_kept_with_its_corrupt_database(settings: StoreSettings, database: Path) -> None:
    database.write_bytes(b"rubbish" * 1000)
    Path(f"{database}-wal").write_bytes(b"log")
    Path(f"{database}-shm").write_bytes(b"index")
    with open_now(settings) as store:
        use(store)
    kept = settings.folder / f"{DATABASE_NAME}.corrupt-{STAMP}"
    assert Path(f"{kept}-wal").read_bytes() == b"log"
    assert Path(f"{kept}-shm").exists()


@pytest.mark.parametrize("size_bytes", [None, 0], ids=["missing", "empty"])
def test_a_log_without_its_database_is_kept(
    settings: StoreSettings, size_bytes: int | None
) -> None:
    settings.folder.mkdir()
    database = settings.folder / DATABASE_NAME
    if size_bytes is not None:
        database.write_bytes(bytes(size_bytes))
    Path(f"{database}-wal").write_bytes(b"the last commits")
    with open_now(settings) as store:
        use(store)
    kept = settings.folder / f"{DATABASE_NAME}.corrupt-{STAMP}-wal"
    assert kept.read_bytes() == b"the last commits"


def test_an_empty_file_is_a_new_database(settings: StoreSettings) -> None:
    settings.folder.mkdir()
    (settings.folder / DATABASE_NAME).touch()
    with open_now(settings) as store:
        use(store)
    assert kept_aside(settings.folder) == []


def test_a_newer_database_is_kept_aside(
    settings: StoreSettings, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newer = len(schema.MIGRATIONS) + 1
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE of_the_future (x)")
        connection.execute(f"PRAGMA user_version = {newer}")
    content = database.read_bytes()

    with open_now(settings) as store:
        assert store.finding_ids() == []
        use(store)

    kept = settings.folder / f"{DATABASE_NAME}.version-{newer}-{STAMP}"
    assert kept.read_bytes() == content
    assert "newer version" in caplog.text
    assert str(kept) in caplog.text


def test_another_programs_database_is_kept_aside(settings: StoreSettings) -> None:
    settings.folder.mkdir()
    database = settings.folder / DATABASE_NAME
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE songs (title)")
    with open_now(settings) as store:
        use(store)
    assert (settings.folder / f"{DATABASE_NAME}.foreign-{STAMP}").exists()


def test_an_older_database_is_migrated_step_by_step(
    settings: StoreSettings, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = (
        *schema.MIGRATIONS,
        ("ALTER TABLE findings ADD COLUMN note TEXT",),
        ("UPDATE findings SET note = 'seen ' || seq", "CREATE TABLE extra (x)"),
    )
    monkeypatch.setattr(opening, "MIGRATIONS", later)

    with open_now(settings) as store:
        assert len(store.finding_ids()) == 40
        assert store.next_seq("porch") == 41
        use(store)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(later),)
        assert connection.execute("SELECT note FROM findings WHERE seq = 7").fetchone() == (
            "seen 7",
        )
    assert kept_aside(settings.folder) == []


def test_what_the_previous_release_kept_is_there_after_an_update(
    settings: StoreSettings, caplog: pytest.LogCaptureFixture
) -> None:
    model = ModelReport(name="demo", precision="int8", demonstration=True)
    samples = [build_finding("porch", seq, "end", model=model) for seq in range(1, 6)]
    samples.append(build_finding("porch", 6, "new"))
    folder = settings.folder
    folder.mkdir(mode=0o700)
    with closing(sqlite3.connect(folder / DATABASE_NAME, isolation_level=None)) as connection:
        schema.migrate(connection, schema.MIGRATIONS[:2])
        connection.execute("INSERT INTO cameras VALUES ('porch', 6)")
        connection.execute("""INSERT INTO states VALUES ('rules', '{"a": 1}')""")
        for finding in samples:
            document = finding.model_dump(mode="json")
            del document["left_out"]
            if document["model"] is not None:  # as it was before it had these names
                document["model"] = {"name": "demo", "precision": "int8", "untrained": True}
            text = json.dumps(document)
            connection.execute(
                "INSERT INTO findings (id, camera, seq, type, ts, first_seen, bytes, document)"
                " VALUES (?, 'porch', ?, ?, ?, ?, ?, ?)",
                (finding.id, finding.seq, finding.type, finding.ts, NOW - 60, len(text), text),
            )
            connection.execute(
                "INSERT INTO outbox (finding, camera, topic, retain, created_at, bytes, payload)"
                " VALUES (?, 'porch', 'edge/t', 0, ?, ?, ?)",
                (finding.id, NOW - 60, len(text), text.encode()),
            )
        lines = connection.execute("SELECT payload FROM outbox ORDER BY id").fetchall()

    with open_now(settings) as store:
        assert [store.finding(finding.id) for finding in samples] == samples
        assert store.open_findings() == samples[5:]
        assert [(row.payload,) for row in store.pending(100)] == lines
        assert store.outbox_stats().oldest_age_s == pytest.approx(60, abs=30)
        assert store.load_state("rules") == {"a": 1}
        assert store.next_seq("porch") == 7
        use(store)
        assert len(store.finding_ids()) == 7, "none is too old"
    assert kept_aside(folder) == []
    assert "cannot be read" not in caplog.text


def test_a_failing_migration_leaves_the_version_it_had_reached(tmp_path: Path) -> None:
    steps = (("CREATE TABLE a (x)",), ("CREATE TABLE b (x)", "INSERT INTO missing VALUES (1)"))
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="missing"):
            schema.migrate(connection, steps)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("a",)]
        assert schema.migrate(connection, steps[:1]) == (1, 1)


def test_a_second_store_on_the_folder_is_refused_while_the_first_is_open(
    settings: StoreSettings,
) -> None:
    with (
        open_store(settings),
        pytest.raises(StoreError, match=rf"{settings.folder} is in use.*pid {os.getpid()}\)"),
    ):
        open_store(settings)
    open_store(settings).close()


def test_a_second_process_is_refused(settings: StoreSettings) -> None:
    code = (
        "import sys; from pathlib import Path; from edge.store.database import open_store;"
        "from edge.store.settings import StoreSettings;"
        "open_store(StoreSettings(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(settings.folder)]
    with open_store(settings):
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "StoreError" in second.stderr
    assert f"{settings.folder} is in use by another process" in second.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_a_program_that_holds_the_database_gives_a_clear_error(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT_MS", 20)
    with open_store(settings) as store:
        with closing(sqlite3.connect(settings.folder / DATABASE_NAME)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="another program holds the database"):
                use(store)
            assert store.next_seq("porch") == 1
        use(store)


def test_damage_that_appears_while_running_gives_a_clear_error(
    settings: StoreSettings, database: Path
) -> None:
    with open_store(settings) as store:
        with database.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (database.stat().st_size - 4096))
        with pytest.raises(StoreError, match=r"edge\.db: .*damaged; restart"):
            use(store)
    with open_now(settings) as store:
        use(store)
    assert len(kept_aside(settings.folder)) == 1


def test_a_folder_in_the_databases_place_is_refused(settings: StoreSettings) -> None:
    (settings.folder / DATABASE_NAME).mkdir(parents=True)
    (settings.folder / DATABASE_NAME / "x").touch()
    with pytest.raises(StoreError, match=r"edge\.db is not a file"):
        open_store(settings)
    assert (settings.folder / DATABASE_NAME / "x").exists()


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("mine")
    with pytest.raises(StoreError, match=f"folder {tmp_path}/store is not a folder"):
        open_store(StoreSettings(tmp_path / "store"))
    assert (tmp_path / "store").read_text() == "mine"


def test_what_is_new_is_for_this_user_alone(settings: StoreSettings) -> None:
    before = os.umask(0o022)
    try:
        with open_store(settings) as store:
            use(store)
            store.snapshots.save(new_finding_id(), np.zeros((8, 8, 3), np.uint8))
            modes = {p: p.stat().st_mode & 0o777 for p in settings.folder.rglob("*")}
    finally:
        os.umask(before)
    # the database with -wal and -shm, the lock, the reserve, snapshots, a day, a JPEG
    assert len(modes) == 8
    assert settings.folder.stat().st_mode & 0o777 == 0o700
    assert {
        path: mode for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)
    } == {}


def test_the_mode_of_an_older_database_is_left_alone(
    settings: StoreSettings, database: Path
) -> None:
    database.chmod(0o640)
    open_store(settings).close()
    assert database.stat().st_mode & 0o777 == 0o640


def open_as_nobody(folder: Path) -> str:
    """What opening a store says to a user who owns nothing."""
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    code = f"""
import os
from pathlib import Path
from edge.errors import StoreError
from edge.store.database import open_store
from edge.store.settings import StoreSettings
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    open_store(StoreSettings(Path({str(folder)!r})))
except StoreError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy() -> None:
    folder = Path("/var/lib/edge-test-that-does-not-exist/store")
    told = open_as_nobody(folder)
    assert f"the store's folder {folder} does not exist" in told
    assert "this user (nobody) cannot make it in /var/lib;" in told
    assert f"sudo install -d -m 700 -o nobody {folder}" in told
    assert "edge.lock" not in told


def test_a_folder_of_another_user_is_told() -> None:
    assert open_as_nobody(Path("/var/lib")) == (
        "this user (nobody) cannot write in the store's folder /var/lib; change its owner, "
        "or set another `store.folder`\n"
    )


def test_looking_at_a_folder_makes_nothing(tmp_path: Path) -> None:
    assert folder_obstacle(tmp_path / "a" / "b") == ""
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "link").symlink_to(tmp_path / "absent")
    assert "is not a folder" in folder_obstacle(tmp_path / "link")
    (tmp_path / "file").touch()
    assert "cannot make it in" in folder_obstacle(tmp_path / "file" / "store")


def test_after_a_failed_opening_the_folder_is_free(settings: StoreSettings) -> None:
    obstacle = settings.folder / "snapshots"
    settings.folder.mkdir()
    obstacle.write_text("not a folder")
    with pytest.raises(StoreError, match="reading the snapshots failed"):
        open_store(settings)
    obstacle.unlink()
    with open_store(settings) as store:
        use(store)

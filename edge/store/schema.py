"""The database's tables, and how a file written by an older version becomes a current one.

`PRAGMA user_version` counts the migrations that a file has seen; a new file runs them all. Never
change a migration that was released: add one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

APPLICATION_ID = 0x65646765  # "edge": tells our file from another program's SQLite database

# The totals are kept by triggers, in the transaction that changes the rows, so that they cannot
# disagree with them and no limit or statistic needs to add up a table.
_FIRST: tuple[str, ...] = (
    """CREATE TABLE cameras (
        camera TEXT PRIMARY KEY,
        last_seq INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE findings (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        camera TEXT NOT NULL,
        seq INTEGER NOT NULL,
        type TEXT NOT NULL,
        ts REAL NOT NULL,
        first_seen REAL NOT NULL,
        bytes INTEGER NOT NULL,
        document TEXT NOT NULL
    )""",
    "CREATE INDEX findings_by_ts ON findings (ts)",
    "CREATE INDEX findings_by_camera_ts ON findings (camera, ts)",
    "CREATE INDEX findings_open ON findings (number) WHERE type <> 'end'",
    """CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        finding TEXT NOT NULL,
        camera TEXT NOT NULL,
        topic TEXT NOT NULL,
        retain INTEGER NOT NULL,
        created_at REAL NOT NULL,
        bytes INTEGER NOT NULL,
        payload BLOB NOT NULL
    )""",
    "CREATE INDEX outbox_by_finding ON outbox (finding)",
    """CREATE TABLE states (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE totals (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """INSERT INTO totals VALUES
        ('findings_bytes', 0), ('outbox_rows', 0), ('outbox_bytes', 0),
        ('dropped_age', 0), ('dropped_size', 0)""",
    """CREATE TRIGGER finding_added AFTER INSERT ON findings BEGIN
        UPDATE totals SET value = value + new.bytes WHERE name = 'findings_bytes';
    END""",
    """CREATE TRIGGER finding_replaced AFTER UPDATE OF bytes ON findings BEGIN
        UPDATE totals SET value = value + new.bytes - old.bytes WHERE name = 'findings_bytes';
    END""",
    """CREATE TRIGGER finding_removed AFTER DELETE ON findings BEGIN
        UPDATE totals SET value = value - old.bytes WHERE name = 'findings_bytes';
    END""",
    """CREATE TRIGGER message_added AFTER INSERT ON outbox BEGIN
        UPDATE totals SET value = value + 1 WHERE name = 'outbox_rows';
        UPDATE totals SET value = value + new.bytes WHERE name = 'outbox_bytes';
    END""",
    """CREATE TRIGGER message_removed AFTER DELETE ON outbox BEGIN
        UPDATE totals SET value = value - 1 WHERE name = 'outbox_rows';
        UPDATE totals SET value = value - old.bytes WHERE name = 'outbox_bytes';
    END""",
)

# Search: which rules a finding has verdicts of, and its words cut into pieces of three characters,
# so that part of a number plate is found as well as words of languages that write no spaces. The
# words are taken when the finding is final. A document that is damaged has none.
_WORDS = """trim(coalesce(json_extract({0}.document, '$.summary'), '')
    || char(10) || coalesce((SELECT group_concat(value, char(10))
        FROM json_each({0}.document, '$.objects')), '')
    || char(10) || coalesce((SELECT group_concat(value, char(10))
        FROM json_each({0}.document, '$.texts')), '')
    || char(10) || coalesce((SELECT group_concat(value, char(10))
        FROM json_each({0}.document, '$.spatial_relations')), '')
    || char(10) || coalesce((SELECT group_concat(atom, char(10))
        FROM json_tree({0}.document, '$.details') WHERE type = 'text'), '')
    || char(10) || coalesce((SELECT group_concat(json_extract(value, '$.answer'), char(10))
        FROM json_each({0}.document, '$.verdicts')
        WHERE json_extract(value, '$.probabilities') = '{{}}'), ''), char(10))"""


def _index_rules(row: str) -> str:
    return f"""INSERT OR IGNORE INTO finding_rules
        SELECT json_extract(value, '$.rule'), {row}.number
        FROM json_each({row}.document, '$.verdicts')"""  # noqa: S608 - `row` is a name of ours


def _index_words(row: str) -> str:
    return f"""INSERT INTO findings_text (rowid, words)
        SELECT number, words FROM (SELECT {row}.number AS number, {_WORDS.format(row)} AS words)
        WHERE {row}.type = 'end' AND words <> ''"""  # noqa: S608 - `row` is a name of ours


_SEARCH: tuple[str, ...] = (
    """CREATE TABLE finding_rules (
        rule TEXT NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (rule, number)
    ) WITHOUT ROWID""",
    "CREATE INDEX finding_rules_by_number ON finding_rules (number)",
    "CREATE VIRTUAL TABLE findings_text USING fts5(words, tokenize = 'trigram')",
    f"""CREATE TRIGGER finding_indexed AFTER INSERT ON findings BEGIN
        {_index_rules("new")};
        {_index_words("new")};
    END""",
    f"""CREATE TRIGGER finding_indexed_again AFTER UPDATE OF document ON findings BEGIN
        DELETE FROM finding_rules WHERE number = old.number;
        DELETE FROM findings_text WHERE rowid = old.number AND old.type = 'end';
        {_index_rules("new")};
        {_index_words("new")};
    END""",
    """CREATE TRIGGER finding_forgotten AFTER DELETE ON findings BEGIN
        DELETE FROM finding_rules WHERE number = old.number;
        DELETE FROM findings_text WHERE rowid = old.number;
    END""",
    """INSERT INTO finding_rules SELECT DISTINCT json_extract(value, '$.rule'), number
        FROM findings, json_each(CASE WHEN json_valid(document) THEN document ELSE '{}' END,
        '$.verdicts')""",
    f"""INSERT INTO findings_text (rowid, words) SELECT number, words FROM
        (SELECT number, {_WORDS.format("findings")} AS words FROM findings
        WHERE type = 'end' AND json_valid(document)) WHERE words <> ''""",  # noqa: S608 - as above
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SEARCH)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Bring the file up to the last of `migrations`; return the version before and after.

    Each migration is one transaction: a failure (sqlite3.Error) leaves the file at the version it
    had reached. The caller has made sure that the file is not newer than the list.
    """
    before: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for version in range(before, len(migrations)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migrations[version]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return before, max(before, len(migrations))

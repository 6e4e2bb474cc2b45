"""The index that findings are searched by, as a migration of the database.

Which rules a finding has verdicts of, and its words cut into pieces of three characters, so that
part of a number plate is found as well as words of languages that write no spaces. The words are
taken when the finding is final; a damaged document has none. Triggers keep both in step with the
findings.
"""

from __future__ import annotations

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
        FROM json_each({row}.document, '$.verdicts')"""


def _index_words(row: str) -> str:
    return f"""INSERT INTO findings_text (rowid, words)
        SELECT number, words FROM (SELECT {row}.number AS number, {_WORDS.format(row)} AS words)
        WHERE {row}.type = 'end' AND words <> ''"""


SEARCH: tuple[str, ...] = (
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
        WHERE type = 'end' AND json_valid(document)) WHERE words <> ''""",
)

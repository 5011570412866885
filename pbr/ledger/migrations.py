"""The ledger's tables: one append-only table of entries, the triggers that keep it so, and views to read it by.

Nothing is stored twice: lines and persons are read out of the entries' bodies by the views. `seq` is AUTOINCREMENT for
SQLite's own count of the rows ever added, so that entries cut off the end are missed as well. A migration that has
shipped is never edited; a change is another one.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

FIRST = "0" * 64
"""What the first entry holds for the digest of the entry before it."""

migrations = Migrations("pbr.ledger")

_ENTRIES = (
    """
CREATE TABLE entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  "by" TEXT NOT NULL,
  kind TEXT NOT NULL,
  batch_id TEXT NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  previous TEXT NOT NULL UNIQUE,
  digest TEXT NOT NULL UNIQUE
) STRICT""",
    "CREATE INDEX entries_of_a_batch ON entries (batch_id, seq)",
    """
CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only: entries are never changed');
END""",
    """
CREATE TRIGGER entries_are_never_removed BEFORE DELETE ON entries BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only: entries are never removed');
END""",
    f"""
CREATE TRIGGER entries_follow_one_another BEFORE INSERT ON entries
WHEN NEW.seq IS NOT (SELECT ifnull(max(seq), 0) + 1 FROM entries)
  OR NEW.previous IS NOT ifnull((SELECT digest FROM entries ORDER BY seq DESC LIMIT 1), '{FIRST}')
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only: an entry follows the last one');
END""",
)

_VIEWS = (
    # A body is parsed once for all of its lines: without the materialised step SQLite does so for each of them.
    """
CREATE VIEW lines AS
WITH prepared AS MATERIALIZED (
  SELECT seq, batch_id,
    json_extract(body, '$.authority_code') AS authority_code,
    json_extract(body, '$.window') AS window,
    json_extract(body, '$.lines') AS lines,
    NOT EXISTS (
      SELECT 1 FROM entries AS later WHERE later.batch_id = entries.batch_id AND later.kind = 'withdrawn'
    ) AS live
  FROM entries WHERE kind = 'prepared'
)
SELECT prepared.seq, prepared.batch_id, prepared.authority_code, prepared.window,
  json_extract(line.value, '$.line_id') AS line_id,
  json_extract(line.value, '$.family_id') AS family_id,
  json_extract(line.value, '$.family_ref') AS family_ref,
  json_extract(line.value, '$.route') AS route,
  json_extract(line.value, '$.amount_pence') AS amount_pence,
  json_extract(line.value, '$.decision_id') AS decision_id,
  json_extract(line.value, '$.engaged_on') AS engaged_on,
  json_extract(line.value, '$.persons') AS persons,
  prepared.live
FROM prepared, json_each(prepared.lines) AS line""",
    "CREATE VIEW live_lines AS SELECT * FROM lines WHERE live",
    """
CREATE VIEW line_persons AS
SELECT lines.seq, lines.batch_id, lines.line_id, lines.family_id, lines.route, person.value AS person_id, lines.live
FROM lines, json_each(lines.persons) AS person""",
    """
CREATE VIEW batches AS
SELECT batch_id,
  json_extract(body, '$.authority_code') AS authority_code,
  json_extract(body, '$.window') AS window,
  (SELECT kind FROM entries AS last WHERE last.batch_id = entries.batch_id ORDER BY seq DESC LIMIT 1) AS state,
  seq,
  at AS prepared_at,
  "by" AS prepared_by,
  json_extract(body, '$.as_of') AS as_of,
  json_array_length(body, '$.lines') AS lines,
  (SELECT ifnull(sum(json_extract(value, '$.amount_pence')), 0) FROM json_each(body, '$.lines')) AS amount_pence,
  json_extract(body, '$.bundle') AS bundle,
  json_extract(body, '$.manifest_digest') AS manifest_digest,
  json_extract(body, '$.run_key') AS run_key
FROM entries WHERE kind = 'prepared'""",
)


@migrations(name="001_entries")
def _entries(db: Database) -> None:
    for statement in (*_ENTRIES, *_VIEWS):
        db.execute(statement)

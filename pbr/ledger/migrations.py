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


_SIGNED = (
    "ALTER TABLE entries ADD COLUMN key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE entries ADD COLUMN signature TEXT NOT NULL DEFAULT ''",
    *(f"DROP VIEW {view}" for view in ("live_lines", "line_persons", "lines", "batches")),
    # What the batch's state is: its last entry that is a step, and not one that only notes something of it.
    """
CREATE VIEW batches AS
SELECT batch_id, kind,
  json_extract(body, '$.authority_code') AS authority_code,
  json_extract(body, '$.window') AS window,
  json_extract(body, '$.pack_id') AS pack_id,
  (SELECT kind FROM entries AS last WHERE last.batch_id = entries.batch_id AND kind NOT IN ('audited', 'corrected')
    ORDER BY seq DESC LIMIT 1) AS state,
  seq,
  at AS prepared_at,
  "by" AS prepared_by,
  json_extract(body, '$.as_of') AS as_of,
  json_extract(body, '$.claim_date') AS claim_date,
  json_array_length(body, '$.lines') AS lines,
  (SELECT ifnull(sum(json_extract(value, '$.amount_pence')), 0) FROM json_each(body, '$.lines')) AS amount_pence,
  json_extract(body, '$.bundle') AS bundle,
  json_extract(body, '$.manifest_digest') AS manifest_digest,
  json_extract(body, '$.run_key') AS run_key
FROM entries WHERE kind IN ('prepared', 'imported')""",
    """
CREATE VIEW payments AS
SELECT entries.seq, entries.batch_id,
  json_extract(entries.body, '$.reference') AS reference,
  json_extract(entries.body, '$.paid_on') AS paid_on,
  json_extract(payment.value, '$.line_id') AS line_id,
  json_extract(payment.value, '$.amount_pence') AS amount_pence
FROM entries, json_each(entries.body, '$.lines') AS payment WHERE entries.kind = 'paid'""",
    """
CREATE VIEW corrections AS
SELECT entries.seq, entries.batch_id, entries."by",
  json_extract(correction.value, '$.line_id') AS line_id,
  json_extract(correction.value, '$.act') AS act,
  json_extract(correction.value, '$.amount_pence') AS amount_pence,
  json_extract(correction.value, '$.cause') AS cause
FROM entries, json_each(entries.body, '$.corrections') AS correction WHERE entries.kind = 'corrected'""",
    # A body is parsed once for all of its lines: without the materialised step SQLite does so for each of them.
    """
CREATE VIEW lines AS
WITH made AS MATERIALIZED (
  SELECT batches.seq, batches.batch_id, batches.authority_code, batches.window, batches.state,
    json_extract(entries.body, '$.lines') AS lines
  FROM batches JOIN entries ON entries.seq = batches.seq
), line AS MATERIALIZED (
  SELECT made.seq, made.batch_id, made.authority_code, made.state,
    ifnull(json_extract(each.value, '$.window'), made.window) AS window,
    json_extract(each.value, '$.line_id') AS line_id,
    json_extract(each.value, '$.family_id') AS family_id,
    json_extract(each.value, '$.family_ref') AS family_ref,
    json_extract(each.value, '$.route') AS route,
    json_extract(each.value, '$.amount_pence') AS amount_pence,
    json_extract(each.value, '$.decision_id') AS decision_id,
    json_extract(each.value, '$.engaged_on') AS engaged_on,
    json_extract(each.value, '$.persons') AS persons,
    ifnull(json_extract(each.value, '$.paid_pence'), 0) AS paid_before
  FROM made, json_each(made.lines) AS each
), paid AS MATERIALIZED (
  SELECT batch_id, line_id, sum(amount_pence) AS pence FROM payments GROUP BY 1, 2
), corrected AS MATERIALIZED (
  SELECT batch_id, line_id, sum(amount_pence) AS pence, max(CASE WHEN act <> 'repay' THEN act END) AS act
  FROM corrections GROUP BY 1, 2
), money AS (
  SELECT line.*, paid_before + ifnull(paid.pence, 0) AS paid_pence,
    CASE WHEN paid_before + ifnull(paid.pence, 0) > 0 THEN ifnull(corrected.pence, 0) ELSE 0 END AS repaid_pence,
    corrected.act
  FROM line
  LEFT JOIN paid ON paid.batch_id = line.batch_id AND paid.line_id = line.line_id
  LEFT JOIN corrected ON corrected.batch_id = line.batch_id AND corrected.line_id = line.line_id
), reversed AS (
  SELECT *, ifnull(act, CASE WHEN repaid_pence > 0 AND repaid_pence = paid_pence THEN 'repay' END) AS reversed_by
  FROM money
)
SELECT seq, batch_id, authority_code, window, line_id, family_id, family_ref, route, amount_pence, decision_id,
  engaged_on, persons, state, paid_pence, repaid_pence, reversed_by,
  state <> 'withdrawn' AND reversed_by IS NULL AS live
FROM reversed""",
    "CREATE VIEW live_lines AS SELECT * FROM lines WHERE live",
    """
CREATE VIEW line_persons AS
SELECT lines.seq, lines.batch_id, lines.line_id, lines.family_id, lines.route, person.value AS person_id, lines.live
FROM lines, json_each(lines.persons) AS person""",
)


@migrations(name="002_signed_steps_and_money")
def _signed(db: Database) -> None:
    for statement in _SIGNED:
        db.execute(statement)

"""pbr: the claims engine for payment-by-results family programmes.

What the commands do, for programs: a workspace goes in, tables and result objects come out.

>>> import tempfile
>>> from datetime import UTC, datetime
>>> from pathlib import Path
>>> from pbr import check, decide, make_authority, prepare, replay
>>> folder = Path(tempfile.mkdtemp())
>>> made = make_authority(folder, families=20, seed=1)
>>> check(folder).extracts["families"].rows_read
20
>>> findings = decide(folder, as_of=made.as_of).findings
>>> findings.columns[:5]
['family_id', 'part', 'item', 'subject_id', 'verdict']
>>> batch = prepare(folder, made.as_of, "2014-10", at=datetime.now(UTC), by="analyst")
>>> batch.bundle.batch.amount_pence == made.pence
True
>>> replay(batch.bundle.path).lines == batch.bundle.batch.lines
True
"""

from pbr.engines.trace import Trace
from pbr.errors import Disagreement, Fault, Faults, PbrError
from pbr.jobs.audit_record import AuditOutcome, record_results
from pbr.jobs.audit_sample import draw_sample
from pbr.jobs.audit_triggers import try_triggers
from pbr.jobs.batches import submit, withdraw
from pbr.jobs.check import CheckReport, check
from pbr.jobs.decide import Decision, decide
from pbr.jobs.demo import make_authority
from pbr.jobs.eligible import Eligibility, eligible
from pbr.jobs.explain import Explanation, explain
from pbr.jobs.forecast import Forecast, forecast
from pbr.jobs.impact import Impact, impact
from pbr.jobs.prepare import Preparation, prepare
from pbr.jobs.programme import Programme, programme
from pbr.jobs.reconcile import Reconciliation, reconcile
from pbr.jobs.replay import Replay, replay
from pbr.rulebook.load import load_pack
from pbr.workspace import Workspace

__all__ = [
    "AuditOutcome",
    "CheckReport",
    "Decision",
    "Disagreement",
    "Eligibility",
    "Explanation",
    "Fault",
    "Faults",
    "Forecast",
    "Impact",
    "PbrError",
    "Preparation",
    "Programme",
    "Reconciliation",
    "Replay",
    "Trace",
    "Workspace",
    "check",
    "decide",
    "draw_sample",
    "eligible",
    "explain",
    "forecast",
    "impact",
    "load_pack",
    "make_authority",
    "prepare",
    "programme",
    "reconcile",
    "record_results",
    "replay",
    "submit",
    "try_triggers",
    "withdraw",
]

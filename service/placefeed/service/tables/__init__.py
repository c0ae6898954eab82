"""Every table of the exchange, by noun; import them from here.

```
organisation ── key, source, speaks_for, delegation        who is who
consortium ── consortium_member, consortium_provider       who takes part, from and until
submission ── raw, quarantine, absence, idempotency        what came in
observation (append-only) ── standing (newest each)        what is known
register_setting ── inspection, history, file              what Ofsted says
pending ──> listing, change, sight_change ── head          what members see (the publisher writes, nobody else)
edition, job_run, alert, audit                             operation
```
"""

from sqlmodel import SQLModel

from placefeed.service.tables.access import ApiKey, Audit
from placefeed.service.tables.log import Change, Head, Listing, Pending, SettingState, SightChange
from placefeed.service.tables.observations import Absence, Observation, Standing
from placefeed.service.tables.operation import Alert, Edition, EditionFile, JobRun, PublicSummary
from placefeed.service.tables.organisations import (
    Consortium,
    ConsortiumMember,
    ConsortiumProvider,
    Delegation,
    Organisation,
    Source,
    SpeaksFor,
)
from placefeed.service.tables.register import (
    Certificate,
    RegisterFile,
    RegisterHistory,
    RegisterInspection,
    RegisterSetting,
)
from placefeed.service.tables.submissions import Idempotency, Quarantine, Submission, SubmissionRaw

metadata = SQLModel.metadata

__all__ = [
    "Absence",
    "Alert",
    "ApiKey",
    "Audit",
    "Certificate",
    "Change",
    "Consortium",
    "ConsortiumMember",
    "ConsortiumProvider",
    "Delegation",
    "Edition",
    "EditionFile",
    "Head",
    "Idempotency",
    "JobRun",
    "Listing",
    "Observation",
    "Organisation",
    "Pending",
    "PublicSummary",
    "Quarantine",
    "RegisterFile",
    "RegisterHistory",
    "RegisterInspection",
    "RegisterSetting",
    "SettingState",
    "SightChange",
    "Source",
    "SpeaksFor",
    "Standing",
    "Submission",
    "SubmissionRaw",
    "metadata",
]

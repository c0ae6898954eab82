"""Every table of the exchange, by noun; import them from here.

```
organisation ── key, source, speaks_for, delegation        who is who
consortium ── consortium_member, consortium_provider, acts_for   who takes part, from and until
submission ── raw, quarantine, absence, idempotency        what came in
observation (append-only) ── standing (newest each)        what is known
register_setting ── inspection, history, file              what Ofsted says
pending ──> listing, shown_setting, change, sight_change ── head   what members see (the publisher writes, nobody else)
subscription ── notice, delivery                           whom to tell, what of, and each attempt
person ── post, identity, sign_in, one_use, failed_sign_in   who signs in; saved_search, policy: what they keep
postcode_sector                                            where sectors lie
edition, job_run, alert, audit                             operation
```
"""

from sqlmodel import SQLModel

from placefeed.service.tables.access import ApiKey, Audit
from placefeed.service.tables.log import (
    Change,
    Head,
    Listing,
    MemberChange,
    Pending,
    SettingState,
    ShownSetting,
    SightChange,
)
from placefeed.service.tables.observations import Absence, Observation, Standing
from placefeed.service.tables.operation import Alert, Edition, EditionFile, JobRun, PublicSummary
from placefeed.service.tables.organisations import (
    ActsFor,
    Consortium,
    ConsortiumMember,
    ConsortiumProvider,
    Delegation,
    Organisation,
    Source,
    SpeaksFor,
)
from placefeed.service.tables.people import (
    FailedSignIn,
    Identity,
    OneUse,
    Person,
    Policy,
    Post,
    SavedSearch,
    SignIn,
)
from placefeed.service.tables.places import PostcodeSector
from placefeed.service.tables.register import (
    Certificate,
    RegisterFile,
    RegisterHistory,
    RegisterInspection,
    RegisterSetting,
)
from placefeed.service.tables.submissions import Idempotency, Quarantine, Submission, SubmissionRaw
from placefeed.service.tables.subscriptions import ChannelCursor, Delivery, Notice, OpenCell, Subscription

metadata = SQLModel.metadata

__all__ = [
    "Absence",
    "ActsFor",
    "Alert",
    "ApiKey",
    "Audit",
    "Certificate",
    "Change",
    "ChannelCursor",
    "Consortium",
    "ConsortiumMember",
    "ConsortiumProvider",
    "Delegation",
    "Delivery",
    "Edition",
    "EditionFile",
    "FailedSignIn",
    "Head",
    "Idempotency",
    "Identity",
    "JobRun",
    "Listing",
    "MemberChange",
    "Notice",
    "Observation",
    "OneUse",
    "OpenCell",
    "Organisation",
    "Pending",
    "Person",
    "Policy",
    "Post",
    "PostcodeSector",
    "PublicSummary",
    "Quarantine",
    "RegisterFile",
    "RegisterHistory",
    "RegisterInspection",
    "RegisterSetting",
    "SavedSearch",
    "SettingState",
    "ShownSetting",
    "SightChange",
    "SignIn",
    "Source",
    "SpeaksFor",
    "Standing",
    "Submission",
    "SubmissionRaw",
    "Subscription",
    "metadata",
]

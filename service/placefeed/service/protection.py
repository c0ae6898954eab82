"""The data-protection register: what each table holds about people and homes, why, on what basis and how long. Written by hand.

A test compares it with the tables: a table without an entry, or a column of text that no entry names, fails it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from placefeed.service.config import Settings
from placefeed.service.purge import keepings


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why something is held, and what allows it."""

    title: str
    why: str
    basis: str


PLACES = Purpose(
    "Showing which places are free",
    "Local authorities find a suitable place for a child quickly, and plan how many places they need.",
    "UK GDPR Article 6(1)(e): the authorities' duty to secure enough accommodation (Children Act 1989, section 22G). For "
    "providers Article 6(1)(f): they offer their places.",
)
REGISTER = Purpose(
    "Knowing what Ofsted says",
    "A grade or a suspension is shown from Ofsted's own lists beside what the provider says.",
    "UK GDPR Article 6(1)(e). The public lists are under the Open Government Licence; the list for local authorities is shown to them alone.",
)
ACCESS = Purpose(
    "Deciding who may use the exchange",
    "Only providers and members that take part see and say what they may.",
    "UK GDPR Article 6(1)(e) for public bodies, Article 6(1)(f) for others; Article 32 asks for it.",
)
RECORD = Purpose(
    "Showing who saw and changed what",
    "Misuse can be found, and a decision can be explained years later.",
    "UK GDPR Article 6(1)(e) and (f); Articles 5(2) and 32 ask for it. Kept after an erasure under Article 17(3)(b) and (e), with a number in place of the name.",
)
TELLING = Purpose(
    "Telling those who asked to be told",
    "E-mails and webhooks about new places, and proof that they arrived.",
    "UK GDPR Article 6(1)(e) for members, Article 6(1)(f) for others. Each can be switched off by who made it.",
)
RUNNING = Purpose("Running the exchange", "Jobs, positions and caches. Nothing about a person.", "No personal data.")


@dataclass(frozen=True, slots=True)
class Held:
    """A table. `people` and `homes`: columns that can identify a person or a home, and what they say; `other`: text that can't.

    `kept`: how long, for what no keeping time removes; what the purge removes is told by `retention`.
    """

    noun: str
    what: str
    purpose: Purpose
    people: Mapping[str, str] = field(default_factory=dict)
    homes: Mapping[str, str] = field(default_factory=dict)
    other: str = ""
    kept: str = ""


_URN = {"urn": "Ofsted's number of the home"}
_WHO = "who decided: an organisation, or a person's number"
_FOR_GOOD = "as long as the exchange runs"
_REPLACED = "until it is replaced"
_WITH_ACCOUNT = "until the account is erased"

REGISTER_OF_DATA: dict[str, Held] = {
    # -- people ---------------------------------------------------------------------------------------------------
    "person": Held(
        "Accounts", "Who signs in.", ACCESS,
        {"id": "a random number", "email": "address at work", "name": "name", "password": "a hash (argon2id)",
         "totp": "secret of the second factor, encrypted", "recovery": "hashes of recovery codes"},
        kept=_WITH_ACCOUNT,
    ),
    "post": Held(
        "Posts", "For which organisation somebody works, and how much they may do.", ACCESS,
        {"person_id": "the account"}, other="organisation_id level", kept="until the post or the account ends",
    ),
    "identity": Held(
        "Other sign-ins", "A person as their employer's sign-in knows them.", ACCESS,
        {"issuer": "whose sign-in", "subject": "its number for them", "person_id": "the account"}, kept=_WITH_ACCOUNT,
    ),
    "sign_in": Held(
        "Sessions", "Browsers that are signed in.", ACCESS,
        {"person_id": "the account", "digest": "a hash of the cookie", "browser": "kind of browser",
         "lifted": "why they had hidden grades shown"},
        other="id organisation_id how", kept="until it is over",
    ),
    "one_use": Held(
        "Links that work once", "Invitations and new passwords.", ACCESS,
        {"person_id": "the account", "digest": "a hash of the link", "detail": "what the link is for"},
        other="kind organisation_id", kept=_WITH_ACCOUNT,
    ),
    "failed_sign_in": Held(
        "Failed sign-ins", "So that nobody can guess passwords.", ACCESS,
        {"account": "a keyed hash of the address typed", "place": "a keyed hash of the network address"},
        kept="until the purge after it no longer counts",
    ),
    "saved_search": Held(
        "Saved searches", "A filter of the list that somebody keeps.", TELLING,
        {"person_id": "the account", "name": "what they called it", "query": "the filter"},
        other="id organisation_id subscription_id", kept="until it is deleted",
    ),
    "policy": Held(
        "Members' policies", "Which grades a member hides at first.", PLACES,
        {"changed_by": "who changed it last: a person's number"}, other="organisation_id hidden", kept=_REPLACED,
    ),
    # -- who takes part -------------------------------------------------------------------------------------------
    "organisation": Held(
        "Organisations", "Providers, members, vendors, the operator. A sole trader's name is a person's.", ACCESS,
        {"name": "its name", "owner_key": "the same, folded", "identifiers": "numbers such as a company's"},
        other="id kind la_code acts_for", kept=_FOR_GOOD,
    ),
    "consortium": Held("Consortia", "Members who buy together.", ACCESS, other="id name", kept=_FOR_GOOD),
    "consortium_member": Held(
        "Memberships", "Which member is in which consortium, and when.", ACCESS,
        other="consortium_id organisation_id", kept=_FOR_GOOD,
    ),
    "consortium_provider": Held(
        "Providers taken", "Which provider a consortium takes, and when.", ACCESS,
        other="consortium_id organisation_id", kept=_FOR_GOOD,
    ),
    "acts_for": Held("Acting for others", "A trust's time of acting for a member.", ACCESS, other="organisation_id member_id", kept=_FOR_GOOD),
    "delegation": Held("Delegations", "Who may speak for a provider.", ACCESS, other="provider_id delegate_id", kept=_FOR_GOOD),
    "speaks_for": Held(
        "Who speaks for a home", "Which provider speaks for which home.", ACCESS, {"decided_by": _WHO}, _URN,
        other="organisation_id state", kept=_FOR_GOOD,
    ),
    "source": Held(
        "Sources", "The ways in which a provider speaks.", PLACES,
        {"address": "web address or folder", "credential": "secret for it, encrypted", "mapping": "how its columns are read",
         "name": "what it is called", "last_error": "what went wrong last", "stopped_why": "why it was stopped"},
        other="id organisation_id transport format cron state cursor", kept=_FOR_GOOD,
    ),
    "api_key": Held(
        "Keys of systems", "An organisation's keys; of the secret only a keyed hash.", ACCESS,
        {"label": "what it is for, in the operator's words"},
        other="id organisation_id source_id role scopes digest replaced_by", kept=_FOR_GOOD,
    ),
    # -- what came in ---------------------------------------------------------------------------------------------
    "submission": Held(
        "Submissions", "What was sent, and the report about it.", PLACES,
        {"name": "name of the file", "header": "publisher and time", "report": "what became of each record"},
        {"report": "numbers of homes in it"},
        other="id source_id organisation_id content_type sha256 state spool request_id", kept=_FOR_GOOD,
    ),
    "submission_raw": Held(
        "Records as sent", "To look up what a provider really said.", PLACES,
        {"content": "referral contacts by role: a team's telephone and address"}, {"content": "all that is said of homes"},
        other="submission_id",
    ),
    "quarantine": Held(
        "Refused records", "What was wrong, so that it can be mended. Of a child's data only a hash, its place and the rule.", PLACES,
        {"record": "the record; absent where it may hold data about a child", "place": "where it stood", "issues": "what was wrong"},
        _URN, other="submission_id sha256",
    ),
    "idempotency": Held("Keys of repeated requests", "So that a repeat changes nothing.", RUNNING, other="organisation_id key sha256 submission_id"),
    "absence": Held(
        "Homes missing from a feed", "What waits for somebody's decision.", PLACES, {"decided_by": _WHO}, _URN,
        other="source_id parts submission_id state", kept=_FOR_GOOD,
    ),
    # -- what is known --------------------------------------------------------------------------------------------
    "observation": Held(
        "Observations", "Each word of a provider about a home, in order. Over time, counts in a small home show that a child came or went.",
        PLACES, {"document": "referral contact by role"}, {**_URN, "document": "places, needs, prices, grades", "item": "the provider's own number of a place"},
        other="source_id part kind submission_id hash", kept="the newest of each part: until the provider withdraws it",
    ),
    "standing": Held(
        "What stands", "The newest word on each part of a home.", PLACES, {"document": "referral contact by role"},
        {**_URN, "document": "places, needs, prices, grades", "item": "the provider's own number of a place"},
        other="source_id part hash", kept=_REPLACED,
    ),
    "setting_state": Held(
        "Why a place is listed or not", "For the provider and the operator.", PLACES, homes={**_URN, "explanation": "why", "ofsted": "its grades", "counts": "a hash of the counts"},
        kept=_REPLACED,
    ),
    "certificate": Held(
        "Certificates seen", "The operator's word on a home that no list has yet.", REGISTER,
        {"recorded_by": _WHO, "owner": "who owns it"}, _URN, other="provision_type la_code", kept=_FOR_GOOD,
    ),
    "register_file": Held("Ofsted's files", "Which lists were read.", REGISTER, other="sha256 kind title result", kept=_FOR_GOOD),
    "register_setting": Held(
        "Homes in Ofsted's lists", "Newest facts of each home. The owner may be one person.", REGISTER,
        {"owner": "who owns it", "owner_key": "the same, folded"}, {**_URN, "name": "name of the home", "facts": "registered needs and more"},
        other="provision_type status la_code region sector", kept=_FOR_GOOD,
    ),
    "register_inspection": Held(
        "Inspections", "Dates and grades.", REGISTER, homes={**_URN, "event": "Ofsted's number of the visit"},
        other="framework kind judgements", kept=_FOR_GOOD,
    ),
    "register_history": Held(
        "Changes in Ofsted's lists", "What changed from file to file.", REGISTER, {"changed": "owner before and after"},
        {**_URN, "changed": "facts before and after"}, other="what", kept=_FOR_GOOD,
    ),
    # -- what members see -----------------------------------------------------------------------------------------
    "listing": Held(
        "Listings", "The list that members read. No address; a number that says nothing in place of the provider's own.", PLACES,
        {"body": "referral contact by role"}, {**_URN, "body": "place, home, price, grade", "facts": "the same, to filter by", "restricted": "prices for named buyers", "item": "the provider's own number, never shown"},
        other="id source_id organisation_id state audiences hash", kept="while it is live",
    ),
    "shown_setting": Held(
        "Homes shown", "What of a home members see.", PLACES, {"body": "referral contact by role"}, {**_URN, "body": "home and grade"},
        other="state audiences", kept="while it is live",
    ),
    "change": Held(
        "The log", "What changed, so that feeds, streams and e-mails miss nothing.", PLACES,
        homes={**_URN, "before": "facts before", "after": "facts after"},
        other="listing_id events audiences_before audiences_after changed offered_to organisation_id",
    ),
    "sight_change": Held("Who gained or lost sight", "So that each member's copy can be kept right.", PLACES, homes={"listing_id": "a listing or a home"}, other="audience"),
    "member_change": Held("Members that changed", "For the publisher, for a moment.", RUNNING, other="organisation_id la_code identifiers", kept="seconds"),
    "pending": Held("Homes to publish", "For the publisher, for a moment.", RUNNING, homes=_URN, other="submission_id", kept="seconds"),
    "head": Held("Head of the log", "How far it has come.", RUNNING, kept=_REPLACED),
    "edition": Held("Scheduled files", "Which files were made.", PLACES, other="id view"),
    "edition_file": Held(
        "Contents of scheduled files", "The list as a file.", PLACES, {"content": "referral contacts by role"}, {"content": "the list"},
        other="edition_id name media_type sha256",
    ),
    "public_summary": Held("Open summaries", "Rounded counts by area; small ones kept back.", PLACES, other="document", kept=_FOR_GOOD),
    "open_cell": Held("Open summary as a feed", "The same, an area a row.", PLACES, other="id state document", kept=_REPLACED),
    "postcode_sector": Held("Postcode sectors", "Where sectors lie; some thousand addresses each.", RUNNING, other="sector", kept=_REPLACED),
    # -- telling --------------------------------------------------------------------------------------------------
    "subscription": Held(
        "Subscriptions", "Who is told of what, and how.", TELLING,
        {"document": "e-mail address or web address, and the filter", "key_id": "who made it: a key or a person's number",
         "secrets": "secret of a webhook, encrypted", "code": "a hash of a code sent by e-mail", "reason": "why it stopped"},
        other="id organisation_id role channel state claim", kept="until it is deleted",
    ),
    "notice": Held("What is to be told", "Each message, so that none is lost.", TELLING, homes={"body": "listings in it"}, other="subscription_id kind message state"),
    "delivery": Held(
        "Attempts to tell", "When it was sent and whether it arrived.", TELLING,
        {"subscription_id": "the subscription", "answer": "start of the receiver's answer", "error": "what went wrong"}, other="kind message",
    ),
    # -- operation ------------------------------------------------------------------------------------------------
    "audit": Held(
        "Audit", "Who read, changed or was sent what.", RECORD,
        {"person_id": "a person's number", "key_id": "a key", "subject": "what it was about: a home, a person's number", "detail": "what was changed"},
        {"subject": "Ofsted's number of a home"}, other="organisation_id role action",
    ),
    "alert": Held(
        "Alerts", "What somebody should look at.", RUNNING, {"message": "in words; may say an organisation's name"}, _URN,
        other="kind severity organisation_id source_id", kept="until it is settled",
    ),
    "job_run": Held("Jobs", "What ran when.", RUNNING, other="job worker outcome"),
    "channel_cursor": Held("Readers of the log", "How far each has come.", RUNNING, other="name", kept=_REPLACED),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """A row of the retention table: what of a table goes, and after how long. `after` is None for what stays until something happens."""

    what: str
    after: timedelta | None
    words: str


def retention(settings: Settings) -> dict[str, list[Kept]]:
    """How long what is kept, by table: what the purge removes, as it removes it, and what stays until something happens."""
    found: dict[str, list[Kept]] = {name: [] for name in REGISTER_OF_DATA}
    for keeping in keepings(settings):
        found.setdefault(keeping.table.__tablename__, []).append(Kept(keeping.what, keeping.keep, ""))
    for name, held in REGISTER_OF_DATA.items():
        if held.kept:
            found[name].append(Kept(held.noun.lower(), None, held.kept))
    return found

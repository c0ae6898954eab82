"""What the operator looks through: sources, submissions, held feeds, subscriptions, organisations, people, Ofsted's files, alerts, the audit.

Reading only, but for `resolve_alert`: what changes something is an operation of the room that it belongs to.
"""

from placefeed.service.oversight.attention import alerts, last_edition, open_alerts, resolve_alert
from placefeed.service.oversight.feeds import (
    STATES,
    Day,
    Feed,
    FeedPage,
    causes_of,
    days_of,
    feed,
    feeds,
)
from placefeed.service.oversight.held import HeldDiff, HeldFeed, HeldSetting, held_feed, held_feeds
from placefeed.service.oversight.imports import (
    KINDS_OF_CHANGE,
    RegisterChange,
    register_changes,
    register_file,
    register_files,
)
from placefeed.service.oversight.parties import (
    OrganisationRow,
    Spoken,
    consortia_of,
    consortium_rows,
    names_of_organisations,
    organisation_rows,
    spoken,
    time_of,
)
from placefeed.service.oversight.persons import PersonRow, names_of_people, people_at, person_rows, post_of, posts_of
from placefeed.service.oversight.received import submission, submissions
from placefeed.service.oversight.telling import SubscriptionRow, subscription_rows
from placefeed.service.oversight.trail import audit_rows

__all__ = [
    "KINDS_OF_CHANGE",
    "STATES",
    "Day",
    "Feed",
    "FeedPage",
    "HeldDiff",
    "HeldFeed",
    "HeldSetting",
    "OrganisationRow",
    "PersonRow",
    "RegisterChange",
    "Spoken",
    "SubscriptionRow",
    "alerts",
    "audit_rows",
    "causes_of",
    "consortia_of",
    "consortium_rows",
    "days_of",
    "feed",
    "feeds",
    "held_feed",
    "held_feeds",
    "last_edition",
    "names_of_organisations",
    "names_of_people",
    "open_alerts",
    "organisation_rows",
    "people_at",
    "person_rows",
    "post_of",
    "posts_of",
    "register_changes",
    "register_file",
    "register_files",
    "resolve_alert",
    "spoken",
    "submission",
    "submissions",
    "subscription_rows",
    "time_of",
]

"""Every setting of the exchange, with meaning and unit. Read from the environment (`PLACEFEED_...`), or from files in
`$CREDENTIALS_DIRECTORY` (`placefeed_secret`...); defaults run on a laptop."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

MIB = 1024 * 1024


class OidcProvider(BaseModel):
    """Another sign-in that people may use, by OpenID Connect discovery at `issuer`."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(description="What the button says, such as “Sign in with your Lewisham account”.")
    issuer: str = Field(description="The issuer's address, below which /.well-known/openid-configuration stands.")
    client_id: str = Field(description="As the provider knows us.")
    client_secret: SecretStr = Field(description="What we show the provider.")
    scopes: str = Field(default="openid profile email", description="What is asked for; openid must be among it.")
    email_claim: str = Field(
        default="email", description="The claim that holds the address; Entra ID: `preferred_username`."
    )
    domains: list[str] = Field(
        default_factory=list,
        description="Domains of addresses that this sign-in may speak for: only they are joined to an account that is there already.",
    )
    organisation: str | None = Field(
        default=None,
        description="Whoever signs in from `domains` for the first time works there, to look; without it only who is invited.",
    )

    @field_validator("issuer")
    @classmethod
    def _safe(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
            raise ValueError("the issuer's address begins with https://")
        return value

    @field_validator("domains")
    @classmethod
    def _small(cls, value: list[str]) -> list[str]:
        return [each.strip().lower().lstrip("@") for each in value]


class Settings(BaseSettings):
    """Made once by `create_app` or a command and handed down; nothing reads the environment elsewhere."""

    model_config = SettingsConfigDict(env_prefix="PLACEFEED_", extra="ignore")

    # -- where things are -------------------------------------------------------------------------------------------
    data: Path = Field(
        default=Path(".placefeed"), description="Folder for the embedded database, the spool and the secret."
    )
    database_url: str | None = Field(
        default=None, description="PostgreSQL or SQLite URL; without it, SQLite in the data folder."
    )
    secret: SecretStr | None = Field(
        default=None,
        description="At least 32 characters. Keys' HMACs and the spool's cipher come from it; without it one is made in the data folder.",
    )
    base_url: str = Field(
        default="http://127.0.0.1:8000",
        description="How the exchange is reached from outside, with the path prefix that a proxy takes off, if any; stands in links.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1", description="Addresses whose X-Forwarded-* headers are believed (uvicorn's list)."
    )

    # -- limits -----------------------------------------------------------------------------------------------------
    max_body: int = Field(default=256 * MIB, description="Bytes of the largest submission taken.")
    small_body: int = Field(
        default=1 * MIB,
        description="Bytes up to which a submission is checked and answered at once; above, 202 and a worker.",
    )
    small_records: int = Field(
        default=1000, description="Settings up to which a submission is worked in one transaction."
    )
    max_update: int = Field(default=256 * 1024, description="Bytes of the largest small update (PUT).")
    rate_per_minute: int = Field(
        default=600, description="Requests a key may make in a minute before 429; 0 switches it off."
    )

    # -- time -------------------------------------------------------------------------------------------------------
    fresh_for: timedelta = Field(default=timedelta(hours=24), description="A vacancy's word is fresh for this long.")
    ageing_until: timedelta = Field(
        default=timedelta(hours=72), description="Then ageing until this age; after it, unknown: confirm by phone."
    )
    leaves_after: timedelta = Field(default=timedelta(days=14), description="At this age it leaves the list.")
    thresholds: dict[str, tuple[timedelta, timedelta, timedelta]] = Field(
        default_factory=dict,
        description='The three ages above by provision type, e.g. {"independent-fostering-agency": ["P2D", "P7D", "P28D"]}.',
    )
    keep_changes: timedelta = Field(
        default=timedelta(days=30), description="How long the log's history is kept; an older cursor gets 410."
    )
    keep_raw: timedelta = Field(
        default=timedelta(days=90), description="How long raw records and reports of submissions are kept."
    )
    keep_quarantine: timedelta = Field(default=timedelta(days=90), description="How long refused records are kept.")
    keep_observations: timedelta = Field(
        default=timedelta(days=2 * 365),
        description="How long a setting's earlier observations are kept; the newest of each part always is.",
    )
    keep_audit: timedelta = Field(default=timedelta(days=6 * 365), description="How long the audit is kept.")
    keep_editions: timedelta = Field(
        default=timedelta(days=7), description="How long scheduled files are kept; the latest of a view always is."
    )
    idempotency_for: timedelta = Field(
        default=timedelta(hours=24), description="How long an Idempotency-Key is remembered."
    )

    # -- publishing -------------------------------------------------------------------------------------------------
    publish_batch: int = Field(
        default=200, description="Settings a publishing transaction takes at most; small keeps live updates quick."
    )
    behind_after: timedelta = Field(
        default=timedelta(seconds=30), description="A due or pending setting older than this makes /readyz fail."
    )
    guard_share: float = Field(
        default=0.2, description="A complete feed that lacks more than this share of its settings ..."
    )
    guard_least: int = Field(
        default=5, description="... and at least this many has those absences wait for a person's word."
    )
    editions_cron: str = Field(
        default="0 7,12,17,21 * * *", description="When the consolidated files are made, Europe/London."
    )

    ofsted_folder: Path | None = Field(
        default=None,
        description="Folder that is looked into hourly for new files of Ofsted's; without it, `ofsted` in the data folder.",
    )

    # -- reaching out -----------------------------------------------------------------------------------------------
    allow_loopback: bool = Field(
        default=False,
        description="Let polled feeds and receivers of webhooks stand on this machine, over plain http too; for development only.",
    )
    allow_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Hosts or CIDRs, comma-separated, that polls and webhooks may reach though private.",
    )
    poll_lease: timedelta = Field(
        default=timedelta(minutes=10), description="How long one poll of a feed may take before another worker may try."
    )
    fetch_timeout: float = Field(default=60.0, description="Seconds a poll may take in all.")

    user_agent_contact: str = Field(
        default="", description="Where the owner of a server we call can reach you; stands in the User-Agent."
    )

    # -- telling subscribers ----------------------------------------------------------------------------------------
    deliver_timeout: float = Field(
        default=20.0, description="Seconds a webhook's receiver or a mail server has to answer."
    )
    deliver_at_once: int = Field(default=256, description="Deliveries under way at a time in one worker.")
    subscriptions_per_organisation: int = Field(
        default=200, description="The most subscriptions an organisation may have."
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server, smtp://user:password@host:587 (STARTTLS) or smtps://...; without it there are no e-mails.",
    )
    mail_from: str = Field(default="placefeed@localhost", description="The sender's address of e-mails.")
    operator_email: str | None = Field(
        default=None, description="Who is told when a subscription stops whose owner left no address."
    )

    # -- people who sign in ------------------------------------------------------------------------------------------
    sign_in_idle: timedelta = Field(
        default=timedelta(hours=12), description="A sign-in ends when nobody was there for so long."
    )
    sign_in_for: timedelta = Field(default=timedelta(days=7), description="And after so long in any case.")
    invitation_for: timedelta = Field(
        default=timedelta(days=7), description="How long an invitation's link can be used."
    )
    reset_for: timedelta = Field(
        default=timedelta(hours=1), description="How long a link to choose a new password can be used."
    )
    oidc: dict[str, OidcProvider] = Field(
        default_factory=dict,
        description="Other sign-ins (OpenID Connect) by a short name, as JSON; see deploy/README.md for Entra ID.",
    )
    second_factor_for_operators: bool = Field(
        default=True,
        description="The operator's people who sign in with a password must have a second factor; off only where nothing is real.",
    )
    remind_after: float = Field(
        default=0.75,
        gt=0,
        lt=1,
        description="Providers are reminded by e-mail when what they said has used up this share of its freshness.",
    )
    max_upload: int = Field(default=20 * MIB, description="Bytes of the largest file taken by a page.")
    contact_email: str = Field(
        default="",
        description="Whom visitors of the pages may write to; stands in the footer and the accessibility statement.",
    )

    # -- following the log ------------------------------------------------------------------------------------------
    stream_buffer: int = Field(
        default=1 * MIB, description="Bytes that may wait for one slow reader of the stream before it is dropped."
    )
    streams_per_key: int = Field(default=50, description="Streams that one key may hold open in a process.")
    streams: int = Field(default=5000, description="Streams that one process serves at a time.")
    replica_url: str | None = Field(
        default=None,
        description="A read replica of the PostgreSQL database, for list and feeds; used only while it is as new as the reader's cursor.",
    )
    data_terms_url: str | None = Field(
        default=None,
        description="The terms under which members get the data: `license` of the private change feeds; without it, a page of ours.",
    )
    open_feed: bool = Field(
        default=False, description="Offer the weekly open summary as an open change feed too; needs `public`."
    )

    # -- switches ---------------------------------------------------------------------------------------------------
    worker: bool = Field(
        default=True,
        description="Run publisher and schedule inside the server process; off when `placefeed worker` runs beside it.",
    )
    public: bool = Field(default=False, description="Publish the weekly open summary of rounded counts.")
    log_json: bool = Field(default=False, description="Log as JSON lines rather than for people.")
    otlp_endpoint: str | None = Field(
        default=None,
        description="Where traces go (OpenTelemetry over HTTP), e.g. http://127.0.0.1:4318; without it, or OTEL_EXPORTER_OTLP_ENDPOINT, there are none.",
    )
    cache_bytes: int = Field(default=64 * MIB, description="Bytes of ready list bodies a process keeps.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the environment leaves out may lie in files named like the variables: systemd's credentials, a container's secrets."""
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        files = SecretsSettingsSource(settings_cls, secrets_dir=folder) if folder else file_secret_settings
        return init_settings, env_settings, dotenv_settings, files

    @field_validator("allow_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("oidc")
    @classmethod
    def _named(cls, value: dict[str, OidcProvider]) -> dict[str, OidcProvider]:
        for name in value:
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name) or name in ("code", "password", "test"):
                raise ValueError(f"“{name}” cannot be the name of a sign-in: use small letters, figures and hyphens")
        return value

    @property
    def https(self) -> bool:
        """Whether it is reached over https: cookies are stricter then."""
        return self.base_url.startswith("https://")

    @property
    def url(self) -> str:
        """The database's URL, made absolute."""
        return self.database_url or f"sqlite:///{(self.data / 'placefeed.db').absolute()}"

    def ages(self, provision_type: str | None) -> tuple[timedelta, timedelta, timedelta]:
        """(fresh for, ageing until, leaves after) of a provision type."""
        return self.thresholds.get(provision_type or "", (self.fresh_for, self.ageing_until, self.leaves_after))

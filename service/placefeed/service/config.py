"""Every setting of the exchange, with meaning and unit. Read from the environment (`PLACEFEED_...`); defaults run on a laptop."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB = 1024 * 1024


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
        default="http://127.0.0.1:8000", description="How the exchange is reached from outside; stands in links."
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
        default=False, description="Let polled feeds stand on this machine; for development only."
    )
    allow_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Hosts or CIDRs, comma-separated, that polls may reach though private."
    )
    poll_lease: timedelta = Field(
        default=timedelta(minutes=10), description="How long one poll of a feed may take before another worker may try."
    )
    fetch_timeout: float = Field(default=60.0, description="Seconds a poll may take in all.")

    # -- switches ---------------------------------------------------------------------------------------------------
    worker: bool = Field(
        default=True,
        description="Run publisher and schedule inside the server process; off when `placefeed worker` runs beside it.",
    )
    public: bool = Field(default=False, description="Publish the weekly open summary of rounded counts.")
    log_json: bool = Field(default=False, description="Log as JSON lines rather than for people.")
    cache_bytes: int = Field(default=64 * MIB, description="Bytes of ready list bodies a process keeps.")

    @field_validator("allow_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @property
    def url(self) -> str:
        """The database's URL, made absolute."""
        return self.database_url or f"sqlite:///{(self.data / 'placefeed.db').absolute()}"

    def ages(self, provision_type: str | None) -> tuple[timedelta, timedelta, timedelta]:
        """(fresh for, ageing until, leaves after) of a provision type."""
        return self.thresholds.get(provision_type or "", (self.fresh_for, self.ageing_until, self.leaves_after))

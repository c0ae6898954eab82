"""Who calls: role, organisation and scopes; and the one table of which role sees which field."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from placefeed.service.errors import NotAllowed

PROVIDER, MEMBER, OPERATOR, PUBLIC = "provider", "member", "operator", "public"

SCOPES: Final[dict[str, str]] = {
    "submit": "send feeds and small updates for the settings that the organisation speaks for",
    "read": "read settings, sources and reports, as far as the role may",
    "list": "read the consolidated list",
    "editions": "download the scheduled files",
    "subscribe": "be told of changes by webhook or e-mail",
    "operate": "manage organisations, consortia, keys, sources and the register",
}
"""What a key may do, by name of the scope."""

ROLE_SCOPES: Final[dict[str, frozenset[str]]] = {
    PROVIDER: frozenset({"submit", "read", "subscribe"}),
    MEMBER: frozenset({"read", "list", "editions", "subscribe"}),
    OPERATOR: frozenset({"read", "list", "editions", "subscribe", "operate"}),
    PUBLIC: frozenset(),
}
"""The most that a key of each role can carry, and what it carries unless told otherwise."""


LEVELS: Final = ("reader", "editor", "manager")
"""How much of an organisation's role a person's post gives: to look; also to change; also to invite colleagues and set policy."""

PERSON: Final = "person:"
SIGN_IN: Final = "sign-in:"
"""What begins the names of callers that are people: see `Caller.holder` and `Caller.token`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a key, or a person by a sign-in. `source_id` is the source that a provider's key speaks as; `name` is the organisation's."""

    key_id: str | None
    organisation_id: str | None
    role: str
    scopes: frozenset[str] = field(default_factory=frozenset)
    name: str = ""
    source_id: str | None = None
    person_id: str | None = None
    sign_in_id: str | None = None

    @property
    def token(self) -> str:
        """What lets it in just now and can be taken away: a key, or one sign-in of a person."""
        return f"{SIGN_IN}{self.sign_in_id}" if self.sign_in_id else self.key_id or ""

    @property
    def holder(self) -> str:
        """By whose right what it makes goes on: a key, or a person's post in the organisation."""
        return f"{PERSON}{self.person_id}" if self.person_id else self.key_id or ""

    def may(self, scope: str) -> bool:
        """Whether the key carries a scope."""
        return scope in self.scopes

    def require(self, scope: str) -> None:
        """Raise NotAllowed unless the key carries a scope."""
        if scope not in self.scopes:
            raise NotAllowed(
                f"You may look, but not {SCOPES[scope]}. Ask a manager of your organisation."
                if self.person_id
                else f"This needs a key with the scope “{scope}” ({SCOPES[scope]}). Ask the operator of the exchange for one.",
                errors=[{"rule": "scope-missing", "scope": scope}],
            )


ROLE_OF_KIND: Final = {"provider": PROVIDER, "vendor": PROVIDER, "member": MEMBER, "operator": OPERATOR}
"""The role of an organisation's people, by its kind."""


def scopes_of(role: str, level: str) -> frozenset[str]:
    """What a post of this level lets a person do in this role."""
    return ROLE_SCOPES[role] - {"submit", "subscribe", "operate"} if level == "reader" else ROLE_SCOPES[role]


ANYONE: Final = Caller(key_id=None, organisation_id=None, role=PUBLIC)
"""A caller without a key."""


def sees(role: str, field_name: str) -> bool:
    """Whether a role sees a field, by the table in README.md beside this file. Raises KeyError for a field that is not in it."""
    return role in field_table()[field_name]


@cache
def field_table() -> dict[str, frozenset[str]]:
    """The role by field table of README.md: for each field the roles that see it. `own` in a cell counts as yes."""
    rows: dict[str, frozenset[str]] = {}
    roles: list[str] = []
    for line in (Path(__file__).parent / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or set(cells[0]) <= {"-", ":"}:
            continue
        if cells[0] == "field":
            roles = cells[1:5]
        elif roles:
            rows[cells[0].strip("`")] = frozenset(
                role for role, cell in zip(roles, cells[1:5], strict=True) if cell != "no"
            )
    return rows

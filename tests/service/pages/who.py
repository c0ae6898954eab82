"""What each page answers whom: the rows that tests/service/pages/test_who.py asks. Each room of pages has a module `who_<room>.py` beside this."""

from dataclasses import dataclass, field

ROLES = ("provider", "rival", "member", "operator", "nobody")


@dataclass(frozen=True)
class Row:
    """A page as each of ROLES: the provider whose home it is, another provider, a member who sees it, the operator, nobody.

    `path`: the address, where the template has fields: filled from the module's PREPARE(world) -> dict. `form`: what is posted.
    """

    statuses: tuple[int, int, int, int, int]
    path: str = ""
    form: dict[str, str] = field(default_factory=dict)

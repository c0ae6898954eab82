"""What is set side by side: the register's facts of a setting, and what its sources declare of Ofsted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Inspection:
    """One inspection as the register or a provider has it. `judgements`: aspect -> code in `framework`."""

    framework: str
    kind: str
    inspected_on: date
    published_on: date | None = None
    judgements: Mapping[str, str] = field(default_factory=dict)
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Restriction:
    """A suspension, restriction or notice; both days are inclusive, None is open."""

    kind: str
    starts: date | None = None
    until: date | None = None

    def in_force(self, today: date) -> bool:
        """Whether it holds on a day."""
        return (self.starts is None or self.starts <= today) and (self.until is None or today <= self.until)


@dataclass(frozen=True, slots=True)
class RegisterFacts:
    """What Ofsted's files say of a setting, and the certificate that the operator may have recorded.

    `as_at`: of the newest file that names it, None where no file does. `inspections_as_at`: of the newest file that tells
    of its inspections, where that is another one (a list of places tells of none). `absent_since`: the as-at date of the
    first newer complete file without it; for a setting in no file, of the newest complete file. `certificate_recorded_on`:
    when the operator saw its certificate.
    """

    as_at: date | None = None
    provision_type: str | None = None
    registration_status: str | None = None
    inspections: tuple[Inspection, ...] = ()
    inspections_as_at: date | None = None
    absent_since: date | None = None
    certificate_recorded_on: date | None = None


@dataclass(frozen=True, slots=True)
class DeclaredOfsted:
    """The `ofsted` part that stands for one source."""

    source: str
    registration_status: str | None = None
    inspections: tuple[Inspection, ...] = ()
    restrictions: tuple[Restriction, ...] = ()

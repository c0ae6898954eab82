"""A setting's facts in the register: what a row of a file says, laid over what was known before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from placefeed.adapters.ofsted import OfstedFile, OfstedRow, owner_key

COLUMNS = {
    "provision_type": "provisionType",
    "status": "status",
    "owner": "owner",
    "places": "places",
    "la_code": "localAuthority",
    "region": "region",
    "sector": "sector",
}
"""Columns of `register_setting` and their names in history and answers. The name is not among them: Ofsted withholds it
later for homes that it named once, and then no history may keep it."""

# Facts that a file can have a column for, and what we call the row's value.
_FROM_FILE = {
    "provision_type": "provision_type",
    "status": "status",
    "name": "name",
    "owner": "owner",
    "places": "places",
    "local_authority": "la_code",
    "region": "region",
    "sector": "sector",
}
_EXTRA = {
    "short_breaks": ("shortBreaksOnly", "short_breaks_only"),
    "multi_building": ("multiBuilding", "multi_building"),
    "education_urn": ("educationUrn", "education_urn"),
    "registered_on": ("registeredOn", "registered_on"),
    "premises": ("premises", "premises"),
    "needs": ("registeredNeeds", "needs"),
}
_NOT_ERASED = {"provision_type", "status"}
"""A blank or a word that is new to us does not undo what a file before it said: a setting stays suspended."""


@dataclass(slots=True)
class Facts:
    """A row of `register_setting` without its clocks."""

    urn: str
    provision_type: str | None = None
    status: str | None = None
    name: str | None = None
    owner: str | None = None
    places: int | None = None
    la_code: str | None = None
    region: str | None = None
    sector: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """As columns of the table."""
        return {
            **{name: getattr(self, name) for name in (*COLUMNS, "name")},
            "owner_key": owner_key(self.owner),
            "facts": self.extra,
        }

    def state(self) -> dict[str, Any]:
        """What history compares: known facts by their names in answers."""
        columns = {shown: getattr(self, name) for name, shown in COLUMNS.items()}
        return {
            name: value
            for name, value in {**columns, **self.extra}.items()
            if value is not None and name not in _NOT_COMPARED
        }


_NOT_COMPARED = {"restricted"}


def known(row: Mapping[str, Any]) -> Facts:
    """The facts of a stored row."""
    return Facts(urn=row["urn"], extra=dict(row["facts"]), **{name: row[name] for name in (*COLUMNS, "name")})


def merged(before: Facts | None, row: OfstedRow, file: OfstedFile) -> Facts:
    """What is known after this row: the file's columns over the facts before it; where it has no column, those stay."""
    result = Facts(row.urn) if before is None else Facts(**{name: getattr(before, name) for name in Facts.__slots__})
    said = _said(row)
    for column, name in _FROM_FILE.items():
        if column not in file.columns or (said[name] is None and _kept(name, row)):
            continue
        setattr(result, name, said[name])
    if result.provision_type is None and file.kind == "premises":
        result.provision_type = "supported-accommodation"  # only its providers have such a list
    extra = dict(result.extra)
    for column, (name, attribute) in _EXTRA.items():
        if column in file.columns or (name == "premises" and row.sites):
            _put(extra, name, getattr(row, attribute))
    if row.sites:
        _put(extra, "sites", [_site(site.local_authority, site.category, site.places) for site in row.sites])
    _grade(extra, row)
    _mark_restricted(extra, file)
    result.extra = extra
    return result


def _said(row: OfstedRow) -> dict[str, Any]:
    return {
        "provision_type": row.provision_type,
        "status": row.registration_status,
        "name": row.name,
        "owner": row.owner,
        "places": row.places,
        "la_code": row.local_authority,
        "region": row.region,
        "sector": row.sector,
    }


def _kept(name: str, row: OfstedRow) -> bool:
    return name in _NOT_ERASED or (name == "la_code" and row.local_authority_text is not None)


def _put(extra: dict[str, Any], name: str, value: Any) -> None:
    if isinstance(value, date):
        value = value.isoformat()
    if isinstance(value, tuple):
        value = list(value)
    if value in (None, []):
        extra.pop(name, None)
    else:
        extra[name] = value


def _site(local_authority: str | None, category: str | None, places: int | None) -> dict[str, Any]:
    site = {"localAuthority": local_authority, "category": category, "places": places}
    return {name: value for name, value in site.items() if value is not None}


def _grade(extra: dict[str, Any], row: OfstedRow) -> None:
    """The newest overall grade of a full inspection: an in-year list may have an older one than is known."""
    graded = [each for each in row.inspections if each.kind == "full" and "overall" in each.judgements]
    dated = [each for each in graded if each.inspected_on is not None]
    if dated:
        newest = max(dated, key=lambda each: each.inspected_on or date.min)
        assert newest.inspected_on is not None
        if newest.inspected_on.isoformat() >= extra.get("overallOn", ""):
            extra |= {
                "overall": newest.judgements["overall"],
                "overallFramework": newest.framework,
                "overallOn": newest.inspected_on.isoformat(),
            }
    elif graded:
        # The LA-only list has the grade and no day. It is a word on the grade, and on no inspection that we could name.
        newest = graded[0]
        if newest.judgements["overall"] != extra.get("overall"):
            extra.pop("overallOn", None)
        extra |= {"overall": newest.judgements["overall"], "overallFramework": newest.framework}


def _mark_restricted(extra: dict[str, Any], file: OfstedFile) -> None:
    """Which facts only local authorities may see: those that nobody but an LA-only list has said."""
    names = {_EXTRA[column][0] if column in _EXTRA else column for column in file.columns} & {"registeredNeeds", "name"}
    before = set(extra.get("restricted", ()))
    after = before | names if file.restricted else before - names
    _put(extra, "restricted", sorted(after))


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """field -> [before, after] for every fact that is not the same; None where it is not known."""
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }

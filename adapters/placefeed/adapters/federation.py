"""What another exchange lists, as documents of the standard: pure functions from one item of its change feed to one record.

```
listing ──> vacancy + rates, with the provider's clock, and where it came from under the extension FEDERATION
setting ──> setting, without a clock: another exchange says none
```
Ofsted's judgements are not taken over: each exchange reads the register itself. Neither is freshness, which follows from
the clock. A rate is taken over only where the other exchange says that it is offered to any: what is offered to us by name
is not ours to pass on.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

FEDERATION = "https://w3id.org/placefeed/federation"
"""The extension that says where a word of another exchange came from. `{source, publisher, via: [names], asOf, unit?, ...}`."""

HOPS = 8  # exchanges through which a listing may have come
ARROW = " > "
BY_TIME = ("stale", "being-checked")  # reasons for `unknown` that follow from the clock, which is worked out here

URN = re.compile(r"SC[0-9]{6}|[0-9]{7}")
OWN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,55}")
LINE = 300  # characters of a name that are kept
RATES = 50

OF_SETTING = (
    "name",
    "provisionType",
    "ages",
    "genders",
    "registeredNeeds",
    "modelsOfCare",
    "services",
    "shortBreaksOnly",
    "referralContact",
)
OF_VACANCY = (
    "places",
    "from",
    "until",
    "ages",
    "genders",
    "needs",
    "risks",
    "communication",
    "adaptations",
    "cared",
    "siblings",
    "parentAndChild",
    "family",
    "placementTypes",
    "response",
    "nights",
    "weeksPerYear",
    "staffingRatio",
    "notes",
)
OF_RATE = (
    "title",
    "package",
    "staffingRatio",
    "price",
    "hoursPerWeek",
    "weeksPerYear",
    "vat",
    "lines",
    "funding",
    "includes",
    "tiers",
    "terms",
    "contract",
    "validFrom",
    "validUntil",
)
OF_UNIT = {
    "kind": re.compile(r"[a-z0-9-]{1,64}"),
    "category": re.compile(r"[a-z0-9-]{1,64}"),
    "postcodeSector": re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]? [0-9]"),  # and nothing that is nearer to an address
}
CODE = re.compile(r"[a-z0-9-]{1,64}")
HEX, LETTERS = "0123456789abcdef", "bcdfghjklmnpqrst"  # digits in a row might look like an NHS number


def exchange_name(base_url: str) -> str:
    """By which name exchanges know each other: the host of the base URL, with its port and path where it has them."""
    text = base_url.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # no address, so nobody's name; it is refused where it is asked
        return text
    host = (parts.hostname or "").rstrip(".")
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{host}{'' if port in (None, default) else f':{port}'}{parts.path.rstrip('/')}"


def chain_of(listing: Mapping[str, Any], peer: str) -> list[str]:
    """The exchanges through which a listing of `peer` comes to us, from the one where its provider is."""
    via = _object(listing.get("provenance")).get("via")
    before = [name.strip() for name in via.split(ARROW.strip())] if isinstance(via, str) and via else []
    return [*before, peer]


def comes_back(chain: Sequence[str], own: str | None) -> bool:
    """Whether a listing has been here, or has gone in a circle or too far: then it is not taken."""
    return own in chain or len(set(chain)) < len(chain) or len(chain) > HOPS or not all(chain)


def vacancy_record(item: str, listing: Mapping[str, Any], *, peer: str, reading: str) -> Json:
    """A settingRecord of one listing: its vacancy, and those of its rates that are offered to any."""
    clocks, said, came = (_object(listing.get(name)) for name in ("clocks", "vacancy", "provenance"))
    own = own_id(item)
    mark = {FEDERATION: {"reading": reading}}
    rates = [
        {"id": f"{own}.{number}", "asOf": clocks.get("asOf"), **_some(rate, OF_RATE), "offeredTo": "any", "extensions": mark}
        for number, rate in enumerate(_objects(listing.get("rates"))[:RATES])
        if rate.get("offeredTo") == "any"
    ]  # fmt: skip
    origin: Json = {
        "source": _line(came.get("source")),
        "publisher": _line(came.get("publisher")),
        "via": [_line(name) for name in chain_of(listing, peer)],
        "reading": reading,
    }
    if _is_instant(clocks.get("asOf")):
        origin["asOf"] = clocks["asOf"]
    if came.get("simulated") is True:
        origin["simulated"] = True
    if listing.get("availability") != "available" and listing.get("availabilityReason") not in BY_TIME:
        origin["unknown"] = _code(listing.get("availabilityReason")) or "unknown"
    unit = _object(listing.get("unit"))
    if unit:
        plain = {name: unit[name] for name, form in OF_UNIT.items() if form.fullmatch(_line(unit.get(name)))}
        origin["unit"] = plain | _authority(unit)
    vacancy: Json = {
        "id": own,
        "asOf": clocks.get("attestedAt", clocks.get("asOf")),
        **_some(said, OF_VACANCY),
        "rates": [rate["id"] for rate in rates],
        "extensions": {FEDERATION: origin},
    }
    shares = [other for other in said.get("sharesPlacesWith") or () if isinstance(other, str)]
    if shares:
        # Each of them names all the others, so all come to the same name of their pool.
        vacancy["uses"] = {"pool": min(own, *(own_id(other) for other in shares))}
    return {**setting_key(listing.get("urn")), "vacancies": [vacancy], "rates": rates}


def setting_record(item: str, shown: Mapping[str, Any], *, reading: str) -> Json:
    """A settingRecord that says who a setting is."""
    said = _object(shown.get("setting"))
    setting: Json = {**_some(said, OF_SETTING), **_authority(said), "extensions": {FEDERATION: {"reading": reading}}}
    provider = _object(said.get("provider"))
    if "name" in provider:
        setting["provider"] = _some(provider, ("name", "sector"))
    return {**setting_key(shown.get("urn", item)), "setting": setting}


def setting_key(urn: Any) -> Json:
    """How a feed names a setting: by Ofsted's URN, or by the scheme and number of another register."""
    if isinstance(urn, str) and ":" in urn and not URN.fullmatch(urn):
        scheme, _, number = urn.partition(":")
        return {"registration": {"scheme": scheme, "id": number}}
    return {"urn": urn}


def own_id(item: str) -> str:
    """The identifier under which a listing of another exchange is a vacancy here: its own, where that has our form."""
    return item if OWN_ID.fullmatch(item) else "x" + plain_token(hashlib.sha256(item.encode()).hexdigest()[:40])


def plain_token(text: str) -> str:
    """A text of hexadecimal digits as consonants: nothing in it can look like a number or a word."""
    return text.translate(str.maketrans(HEX, LETTERS))


def origin_of(document: Mapping[str, Any]) -> Json:
    """Where a word of another exchange came from; empty for any other."""
    return _object(_object(document.get("extensions")).get(FEDERATION))


def _some(value: Mapping[str, Any], names: Sequence[str]) -> Json:
    return {name: value[name] for name in names if value.get(name) is not None}


def _authority(value: Mapping[str, Any]) -> Json:
    code = _object(value.get("localAuthority")).get("code")
    return {"localAuthority": code} if isinstance(code, str) else {}


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _line(value: Any) -> str:
    return value[:LINE] if isinstance(value, str) else ""


def _code(value: Any) -> str:
    return value if isinstance(value, str) and CODE.fullmatch(value) else ""


def _is_instant(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False

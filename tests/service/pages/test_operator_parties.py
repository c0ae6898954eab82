"""Who takes part, by HTTP: organisations, their settings, keys and people, consortia; Ofsted's files and certificates."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.service.api.exchange import OURS, OURS_TOO, THEIRS, World, ofsted_list
from tests.service.pages.operating import EVIL, HOMES, audited, done, items, refused

Visit = Callable[..., Any]


@pytest.fixture
def operator(visit: Visit) -> Any:
    return visit("operator")


def test_an_organisation_is_added_and_changed(world: World, operator: Any) -> None:
    path, form = (
        "/control/organisations/new",
        {"id": "camden", "kind": "member", "name": EVIL, "localAuthority": "E09000007"},
    )
    refused(operator.post(path, {**form, "id": "Camden Council"}), "id", "small letters")
    refused(operator.post(path, {**form, "id": "lewisham"}), "id", "already")
    refused(operator.post(path, {**form, "kind": "club"}), "kind", "one of")
    refused(operator.post(path, {**form, "name": ""}), "name", "needs a name")
    refused(operator.post(path, {**form, "localAuthority": "E99"}), "localAuthority", "Choose a local authority")
    refused(operator.post(path, {**form, "identifiers": "GB-COH"}), "identifiers", "a scheme, a blank")
    refused(operator.post(path, {**form, "actsFor": "nobody"}), "actsFor", "no members nobody")
    done(
        operator.post(path, {**form, "identifiers": "GB-LAE CMD", "actsFor": "lewisham"}),
        "/control/organisations/camden",
    )
    made = world.call("operator", "GET", "/v1/organisations/camden").json()
    assert (made["name"], made["actsFor"]) == (EVIL, ["lewisham"])
    assert made["identifiers"] == [{"scheme": "GB-LAE", "id": "CMD"}]
    for address in ("/control/organisations?kind=member&name=IMG", "/control/organisations/camden"):
        assert "<img" not in operator.get(address).text
        assert "&lt;img" in operator.get(address).text
    done(operator.post("/control/organisations/camden/change", {"name": "Camden"}), "/control/organisations/camden")
    assert world.call("operator", "GET", "/v1/organisations/camden").json()["actsFor"] == []
    assert audited(world, "organisation.change")[-1].detail == {
        "fields": ["acts_for", "identifiers", "la_code", "name"]
    }


def test_settings_are_confirmed_and_refused(world: World, operator: Any) -> None:
    path = f"{HOMES}/settings"
    world.call("operator", "POST", "/v1/speaks-for/refuse", json={"organisation": "example-homes", "urns": [OURS_TOO]})
    refused(operator.post(path, {"what": "confirm"}), "urns", "Tick at least one")
    refused(operator.post(path, {"what": "confirm", "urns": THEIRS}), "urns", "other-homes")
    done(operator.post(path, {"what": "confirm", "urn": [OURS_TOO], "urns": "SC000009, SC000010"}), path)
    confirmed = items(world, "/v1/speaks-for?state=confirmed&organisation=example-homes")
    assert [row["urn"] for row in confirmed] == [OURS, OURS_TOO, "SC000009", "SC000010"]
    page = operator.get(f"{path}?state=confirmed").text
    assert "EXAMPLE HOMES LIMITED" in page
    assert "no file of Ofsted" in page
    done(operator.post(path, {"what": "refuse", "urns": "SC000010"}), path)
    refused(operator.post(path, {"what": "refuse", "urns": "SC999999"}), "urns", "None of these settings was proposed")
    done(operator.post(path, {"what": "propose"}), path)
    delegations = f"{HOMES}/delegations"
    refused(operator.post(delegations, {"delegate": "nobody"}), "delegate", "no organisation")
    done(operator.post(delegations, {"delegate": "other-homes"}), delegations)
    running = items(world, "/v1/delegations")[0]
    done(operator.post(f"/control/organisations/other-homes/delegations/{running['id']}/revoke"), "/control")
    assert items(world, "/v1/delegations")[0]["revokedAt"]


def test_a_key_is_shown_once(world: World, operator: Any) -> None:
    path = f"{HOMES}/keys"
    form = {"label": EVIL, "scopes": ["submit", "read"], "expiresAt": "31/12/2026"}
    refused(operator.post(path, {**form, "label": ""}), "label", "what the key is for")
    refused(operator.post(path, {"label": "x"}), "scopes", "at least one")
    refused(operator.post(path, {**form, "scopes": ["operate"]}), "scopes", "can have the scopes")
    refused(operator.post(path, {**form, "expiresAt": "1/1/2020"}), "expiresAt", "expired already")
    answer = operator.post(path, form)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["cache-control"]
    secret = answer.text.split('id="secret">')[1].split("<")[0]
    world.keys["new"] = secret
    assert world.call("new", "GET", "/v1/submissions").status_code == 200
    assert world.call("new", "POST", "/v1/subscriptions", json={}).status_code == 403
    page = operator.get(path).text
    assert secret not in page
    key_id = secret.split("_")[1]
    assert key_id in page
    replaced = operator.post(f"{path}/{key_id}/rotate")
    assert replaced.text.count("pf_") == 1
    refused(operator.post(f"{path}/{key_id}/rotate"), "keys", "no longer in use")
    done(operator.post(f"{path}/{key_id}/revoke"), path)
    assert world.call("new", "GET", "/v1/submissions").status_code == 401
    assert operator.post(f"/control/organisations/lewisham/keys/{key_id}/revoke").status_code == 404
    assert [row.subject for row in audited(world, "key.issue")][-1] == key_id


def test_people_are_invited_and_accounts_closed(world: World, operator: Any, visit: Visit) -> None:
    path = f"{HOMES}/people"
    form = {"email": "jo@homes.example", "name": EVIL, "level": "manager"}
    refused(operator.post(path, {**form, "email": "jo"}), "email", "correct format")
    refused(operator.post(path, {**form, "level": "king"}), "level", "one of")
    answer = operator.post(path, form)
    assert "/invitations/" in answer.text
    assert "<img" not in answer.text
    assert "jo@homes.example" in operator.get(path).text
    provider = visit("provider")
    refused(operator.post(f"{path}/{provider.person_id}/level", {"level": "reader"}), "people", "only manager")
    refused(operator.post(f"{path}/{provider.person_id}/end"), "people", "only manager")
    other = visit("provider", name="Kim Low")
    done(operator.post(f"{path}/{other.person_id}/level", {"level": "reader"}), path)
    done(operator.post(f"{path}/{other.person_id}/end"), path)
    assert operator.post(f"{path}/{other.person_id}/end").status_code == 404
    assert operator.get("/control/people?name=KIM").text.count("/control/people/") >= 1
    assert "Nobody has this name" in operator.get("/control/people?name=100%25").text
    here = f"/control/people/{provider.person_id}"
    done(operator.post(f"{here}/disable"), here)
    assert provider.get("/control").headers["location"].startswith("/sign-in")
    assert "Closed" in operator.get(here).text
    done(operator.post(f"{here}/enable"), here)
    assert operator.post(f"/control/people/{operator.person_id}/disable").status_code == 409
    assert [row.action for row in audited(world, "person.disable")] == ["person.disable"]


def test_consortia_have_times(world: World, operator: Any) -> None:
    refused(operator.post("/control/consortia/new", {"id": "south", "name": "South"}), "id", "already")
    done(operator.post("/control/consortia/new", {"id": "north", "name": EVIL}), "/control/consortia/north")
    join = "/control/consortia/north/join"
    refused(operator.post(join, {"organisation": "lewisham", "from": "soon"}), "from", "real date")
    refused(operator.post(join, {"organisation": "nobody", "from": "1/7/2026"}), "organisation", "no organisation")
    refused(operator.post(join, {"organisation": "exchange", "from": "1/7/2026"}), "organisation", "is a operator")
    refused(
        operator.post(join, {"organisation": "lewisham", "from": "2/7/2026", "until": "1/7/2026"}), "until", "before"
    )
    done(operator.post(join, {"organisation": "lewisham", "from": "2026-07-01"}), "/control/consortia/north")
    done(
        operator.post(join, {"organisation": "example-homes", "from": "1/7/2026", "until": "1/8/2026"}),
        "/control/consortia/north",
    )
    north = world.call("operator", "GET", "/v1/consortia/north").json()
    assert north["providers"][0]["until"] == "2026-08-01"
    end = f"/control/consortia/north/members/{north['members'][0]['id']}/end"
    assert operator.get(end).status_code == 200
    refused(operator.post(end, {"until": "1/1/2026"}), "until", "before")
    done(operator.post(end, {"until": "31/7/2026"}), "/control/consortia/north")
    assert world.call("operator", "GET", "/v1/consortia/north").json()["members"][0]["until"] == "2026-07-31"
    assert operator.get(end.replace("north", "south")).status_code == 404
    refused(operator.post("/control/consortia/north/name", {"name": ""}), "name", "Give a name")
    done(operator.post("/control/consortia/north/name", {"name": "North"}), "/control/consortia/north")
    assert [row.action for row in audited(world, "consortium.member.end")] == ["consortium.member.end"]


def send(operator: Any, data: bytes, **fields: str) -> Any:
    return operator.post("/control/register", fields, files={"file": ("list.csv", data, "text/csv")})


def test_ofsteds_file_is_looked_at_then_imported(world: World, operator: Any) -> None:
    before = items(world, "/v1/register/imports")
    newer = ofsted_list((OURS, EVIL), (THEIRS, "Other Homes Ltd")).replace(b"31 March", b"30 April")
    newer = newer.replace(b"Private,4,", b"Private,6,")
    looked = send(operator, newer, what="look", complete="yes")
    assert looked.status_code == 200
    assert "as at 30 April 2026" in looked.text
    assert "1 setting would leave" in looked.text
    assert items(world, "/v1/register/imports") == before
    refused(send(operator, b"a,b\n1,2\n", what="import"), "file", "")
    refused(send(operator, b"", what="import"), "file", "")
    refused(send(operator, newer, what="import", asAt="soon"), "asAt", "real date")
    answer = send(operator, newer, what="import", complete="yes")
    done(answer, "/control/register/")
    where = answer.headers["location"].partition("?")[0]
    page = operator.get(where)
    assert "Places (2)" in page.text
    assert "Left (1)" in page.text
    assert "<img" not in page.text
    left = operator.get(f"{where}?kind=left").text
    assert f"/settings/{OURS_TOO}" in left
    assert f"/settings/{OURS}" not in left
    assert "Places: 4 → 6" in operator.get(f"{where}?kind=places").text
    assert len(items(world, "/v1/register/imports")) == len(before) + 1
    assert audited(world, "register.import")[-1].person_id == operator.person_id
    done(send(operator, newer, what="import", complete="yes"), f"{where}?done=known")


def test_certificates(world: World, operator: Any) -> None:
    form = {
        "urn": "sc 999999",
        "provisionType": "children-home",
        "registeredOn": "1/6/2026",
        "places": "3",
        "owner": EVIL,
    }
    refused(operator.post("/control/certificates", {**form, "urn": "7"}), "urn", "six digits")
    refused(
        operator.post("/control/certificates", {**form, "registeredOn": "1/6/2027"}), "registeredOn", "still to come"
    )
    refused(operator.post("/control/certificates", {**form, "provisionType": "inn"}), "provisionType", "not a code")
    done(operator.post("/control/certificates", form), "/control/certificates")
    assert world.call("operator", "GET", "/v1/settings/SC999999/certificate").json()["places"] == 3
    assert "<img" not in operator.get("/control/certificates").text
    done(operator.post("/control/certificates/SC999999/withdraw"), "/control/certificates")
    assert world.call("operator", "GET", "/v1/settings/SC999999/certificate").status_code == 404

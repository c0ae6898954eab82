"""`placefeed key`: issued, shown once, rotated with a time of grace, revoked."""

from typing import Annotated, Any

import typer

from placefeed.service.cli.edge import AsJson, Data, audited, new_group, opened, print_json, say, show, writing

app = new_group("Keys: a key's text is shown once, when it is made.")

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id: the part between the underscores.")]


@app.command()
def issue(
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION", help="Whose key it is.")],
    role: Annotated[
        str | None,
        typer.Option(help="provider, member or operator; the organisation's kind unless given.", show_default=False),
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="Only these: submit, read, list, editions, operate.", show_default=False)
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="The source that a provider's key speaks as.", show_default=False)
    ] = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[
        int | None, typer.Option(min=1, help="It expires after so many days; never unless given.", show_default=False)
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once."""
    from datetime import timedelta

    from placefeed.service.access import keys, organisations

    with opened(data, as_json=as_json) as here:
        with writing(here) as session:
            kind = role or organisations.get_organisation(session, organisation).kind
            text, made = keys.issue(
                session, organisation_id=organisation, role=kind, scopes=scope, source_id=source, label=label,
                expires_at=here.now + timedelta(days=days) if days else None, secret=here.secret, now=here.now,
            )  # fmt: skip
            audited(session, here, "key.issued", made.id, organisation=organisation)
        _shown(text, made, as_json=as_json)


@app.command("list")
def list_(
    organisation: Annotated[
        str | None, typer.Argument(metavar="[ORGANISATION]", help="Only this organisation's.", show_default=False)
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the keys; their texts are nowhere kept."""
    from placefeed.service.access import keys

    with opened(data, as_json=as_json) as here:
        with here.database.read() as session:
            rows = [{**_row(key), "state": _state(key, here.now)} for key in keys.list_keys(session, organisation)]
        show(rows, as_json=as_json, empty="There are no keys. Make one with `placefeed key issue`.")


@app.command()
def rotate(
    key: KeyId,
    grace_hours: Annotated[float, typer.Option(min=0, help="Hours for which the old key still works.")] = 24,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Replace a key by one with the same rights; the old one works until the grace ends."""
    from datetime import timedelta

    from placefeed.service.access import keys

    with opened(data, as_json=as_json) as here:
        with writing(here) as session:
            text, made = keys.rotate(session, key, grace=timedelta(hours=grace_hours), secret=here.secret, now=here.now)
            audited(session, here, "key.rotated", key, replacedBy=made.id)
        _shown(text, made, as_json=as_json)


@app.command()
def revoke(key: KeyId, data: Data = None) -> None:
    """Make a key useless at once."""
    from placefeed.service.access import keys

    with opened(data) as here:
        with writing(here) as session:
            keys.revoke(session, key, now=here.now)
            audited(session, here, "key.revoked", key)
        say(f"The key {key} is revoked.")


def _shown(text: str, made: Any, *, as_json: bool) -> None:
    if as_json:
        print_json({"key": text, **_row(made)})
        return
    typer.echo(f"Key {made.id} of {made.organisation_id} ({made.role}). It is shown this once; keep it safe:", err=True)
    say(text)


def _row(key: Any) -> dict[str, Any]:
    return {
        "id": key.id, "organisation": key.organisation_id, "role": key.role, "scopes": list(key.scopes), "source": key.source_id,
        "label": key.label, "createdAt": key.created_at, "expiresAt": key.expires_at, "replacedBy": key.replaced_by,
    }  # fmt: skip


def _state(key: Any, now: Any) -> str:
    from placefeed.service.access.keys import is_good

    if key.revoked_at is not None:
        return "revoked"
    return "good" if is_good(key, now) else "expired"

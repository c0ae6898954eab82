"""`placefeed person`: invited (the first operator begins so), listed, closed and opened, and helped back in."""

from typing import Annotated, Any

import typer

from placefeed.service.cli.edge import (
    AsJson,
    Data,
    audited,
    new_group,
    opened,
    operator,
    print_json,
    say,
    show,
    writing,
)

app = new_group("People who sign in to the pages. A link is shown once, when it is made.")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The address under which they sign in.")]


@app.command()
def invite(
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION", help="Where they will work.")],
    email: Email,
    name: Annotated[str, typer.Option(help="Their name.")],
    level: Annotated[str, typer.Option(help="reader, editor or manager.")] = "manager",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a link by which somebody joins an organisation; the first person of the operator begins with it."""
    from placefeed.service.access import invitations

    with opened(data, as_json=as_json) as here:
        with writing(here) as session:
            token, person = invitations.invite(
                session, organisation_id=organisation, email=email, name=name, level=level, by=operator(),
                settings=here.settings, now=here.now,
            )  # fmt: skip
        _link(
            f"{here.settings.base_url}/invitations/{token}", person, as_json=as_json,
            what=f"{person.name} is invited to {organisation}", lasts=f"{here.settings.invitation_for.days} days",
        )  # fmt: skip


@app.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """Show everybody who has an account, and where they work."""
    from placefeed.service.access import people

    with opened(data, as_json=as_json) as here:
        with here.database.read() as session:
            rows = [_row(person, posts) for person, posts in people.list_people(session)]
        show(rows, as_json=as_json, empty="There is nobody. Begin with `placefeed person invite`.")


@app.command()
def disable(email: Email, data: Data = None) -> None:
    """Close somebody's account at once: every session of theirs ends."""
    from placefeed.service.access import people

    with opened(data) as here:
        with writing(here) as session:
            person = _person(session, email)
            people.disable(session, person.id, now=here.now)
            audited(session, here, "person.disabled", person.id)
        say(f"The account of {person.email} is closed.")


@app.command()
def enable(email: Email, data: Data = None) -> None:
    """Open a closed account again."""
    from placefeed.service.access import people

    with opened(data) as here:
        with writing(here) as session:
            person = _person(session, email)
            people.enable(session, person.id)
            audited(session, here, "person.enabled", person.id)
        say(f"The account of {person.email} is open.")


@app.command()
def reset(
    email: Email,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Take the second factor away too: their phone is gone.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a link by which somebody chooses a new password. Be sure that you know who asks."""
    from placefeed.service.access import entering, people
    from placefeed.service.access import second_factor as factor
    from placefeed.service.errors import Conflict

    with opened(data, as_json=as_json) as here:
        with writing(here) as session:
            person = _person(session, email)
            if person.disabled_at is not None:
                raise Conflict("This account is closed. Open it first with `placefeed person enable`.")
            if second_factor:
                factor.switch_off(session, person.id, by=operator(), now=here.now)
            token = entering.make_reset_link(
                session, people.get(session, person.id), settings=here.settings, now=here.now
            )
            audited(session, here, "password.reset-made", person.id)
        _link(
            f"{here.settings.base_url}/new-password/{token}", person, as_json=as_json,
            what=f"{person.name} can choose a new password",
            lasts=f"{here.settings.reset_for.total_seconds() / 60:.0f} minutes",
        )  # fmt: skip


def _link(link: str, person: Any, *, as_json: bool, what: str, lasts: str) -> None:
    if as_json:
        print_json({"link": link, "person": person.id, "email": person.email})
        return
    typer.echo(f"{what}. The link works once, for {lasts}; hand it over so that only they read it:", err=True)
    say(link)


def _person(session: Any, email: str) -> Any:
    from placefeed.service.access import people
    from placefeed.service.errors import NotFound

    person = people.find(session, email)
    if person is None:
        raise NotFound(f"Nobody has the address {email}. `placefeed person list` shows everybody.")
    return person


def _row(person: Any, posts: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "email": person.email, "name": person.name, "works": [f"{organisation} ({level})" for organisation, level in posts],
        "secondFactor": person.totp is not None, "state": "closed" if person.disabled_at else "open",
        "createdAt": person.created_at,
    }  # fmt: skip

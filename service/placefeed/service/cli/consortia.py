"""`placefeed consortium`: members who buy together, and the providers that they take."""

from typing import Annotated, Any

import typer

from placefeed.service.cli.edge import (
    AsJson,
    Data,
    Here,
    audited,
    day,
    new_group,
    opened,
    print_json,
    say,
    show,
    writing,
)

app = new_group("Consortia: members that buy together, and the providers that they take, from and until a day.")

Id = Annotated[str, typer.Argument(metavar="CONSORTIUM", help="The consortium's id.")]
Organisation = Annotated[str, typer.Argument(metavar="ORGANISATION", help="The organisation's id.")]
From = Annotated[
    str | None, typer.Option("--from", help="First day, as 2026-04-01; today unless given.", show_default=False)
]
Until = Annotated[
    str | None, typer.Option("--until", help="Last day, as 2027-03-31; open unless given.", show_default=False)
]


@app.command()
def add(
    consortium: Id,
    name: Annotated[str, typer.Option(help="The consortium's name.")],
    data: Data = None,
) -> None:
    """Add a consortium."""
    from placefeed.service.access import organisations

    with opened(data) as here:
        with writing(here) as session:
            organisations.create_consortium(session, consortium, name=name, now=here.now)
            audited(session, here, "consortium.created", consortium)
        say(f"“{name}” is added as {consortium}.")


@app.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """Show the consortia with their members and how many providers they take today."""
    with opened(data, as_json=as_json) as here:
        rows = _rows(here)
        show(rows, as_json=as_json, empty="There are no consortia yet. Add one with `placefeed consortium add`.")


def _rows(here: Here) -> list[dict[str, Any]]:
    from placefeed.service.access import organisations

    with here.database.read() as session:
        return [
            {
                "id": each.id,
                "name": each.name,
                "members": sorted(
                    {one.organisation_id for one in organisations.members_of(session, each.id) if _on(one, here)}
                ),
                "providers": len(
                    {one.organisation_id for one in organisations.providers_of(session, each.id) if _on(one, here)}
                ),
            }
            for each in organisations.list_consortia(session)
        ]


def _on(time: Any, here: Here) -> bool:
    return bool(time.valid_from <= here.today and (time.valid_until is None or here.today <= time.valid_until))


@app.command("add-member")
def add_member(
    consortium: Id,
    organisation: Organisation,
    begins: From = None,
    until: Until = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let a member join a consortium."""
    from placefeed.service.access import organisations

    first, last = day(begins, option="--from"), day(until, option="--until")
    with opened(data, as_json=as_json) as here:
        with writing(here) as session:
            made = organisations.add_member(
                session, consortium, organisation_id=organisation, valid_from=first or here.today, valid_until=last
            )
            audited(session, here, "consortium.member-added", f"{consortium}/{organisation}")
        _told(made, f"{organisation} is a member of {consortium}", as_json=as_json)


@app.command("add-provider")
def add_provider(
    consortium: Id,
    organisation: Organisation,
    begins: From = None,
    until: Until = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let a consortium take a provider: its members see what it offers."""
    from placefeed.service.access import organisations

    first, last = day(begins, option="--from"), day(until, option="--until")
    with opened(data, as_json=as_json) as here:
        with writing(here) as session:
            made = organisations.add_provider(
                session,
                consortium,
                organisation_id=organisation,
                valid_from=first or here.today,
                valid_until=last,
                now=here.now,
            )
            audited(session, here, "consortium.provider-added", f"{consortium}/{organisation}")
        _told(made, f"{consortium} takes {organisation}", as_json=as_json)


def _told(made: Any, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "id": made.id,
                "consortium": made.consortium_id,
                "organisation": made.organisation_id,
                "from": made.valid_from,
                "until": made.valid_until,
            }
        )
    else:
        say(f"{text} from {made.valid_from}{f' until {made.valid_until}' if made.valid_until else ''}.")

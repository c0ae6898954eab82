"""`placefeed org`: providers, members, vendors and the operator."""

from typing import Annotated, Any

import typer

from placefeed.service.cli.edge import AsJson, Data, audited, new_group, opened, print_json, say, show, stop, writing

app = new_group("Organisations: providers, members (local authorities), vendors, the operator.")


@app.command()
def add(
    organisation: Annotated[
        str, typer.Argument(metavar="ID", help="Small letters, digits and hyphens, such as example-homes.")
    ],
    name: Annotated[
        str,
        typer.Option(
            help="The organisation's name. A provider's as Ofsted writes its owner: its settings are found by it."
        ),
    ],
    kind: Annotated[str, typer.Option(help="provider, member, vendor or operator.")] = "provider",
    la: Annotated[
        str | None, typer.Option(help="A member's local authority: GSS code or name.", show_default=False)
    ] = None,
    identifier: Annotated[
        list[str] | None, typer.Option(help="scheme:id, such as GB-COH:01234567; several times.", show_default=False)
    ] = None,
    acts_for: Annotated[
        list[str] | None, typer.Option(help="A member that this one acts for; several times.", show_default=False)
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="It is invented.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add an organisation, and propose to it the settings that Ofsted says it owns."""
    from placefeed.service.access import organisations

    identifiers = [_identifier(text) for text in identifier or ()]
    with opened(data, as_json=as_json) as here:
        with writing(here) as session:
            made = organisations.create_organisation(
                session, organisation, kind=kind, name=name, la_code=_authority(la), identifiers=identifiers, acts_for=acts_for or (),
                simulated=simulated, now=here.now,
            )  # fmt: skip
            organisations.propose(session, now=here.now)
            proposed = len(organisations.proposals(session, organisation_id=organisation))
            audited(session, here, "organisation.created", organisation)
        if as_json:
            print_json({**_row(made), "proposed": proposed})
            return
        say(f"“{made.name}” is added as {made.id}.")
        if proposed:
            say(
                f"{proposed:,} settings are proposed for it: confirm them with `placefeed speaks-for confirm {made.id}`."
            )


@app.command("list")
def list_(
    kind: Annotated[
        str | None, typer.Option(help="Only these: provider, member, vendor or operator.", show_default=False)
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the organisations."""
    from placefeed.service.access import organisations

    with opened(data, as_json=as_json) as here:
        with here.database.read() as session:
            rows = [_row(each) for each in organisations.list_organisations(session, kind)]
        show(rows, as_json=as_json, empty="There are no organisations yet. Add one with `placefeed org add`.")


def _row(organisation: Any) -> dict[str, Any]:
    return {
        "id": organisation.id, "kind": organisation.kind, "name": organisation.name, "localAuthority": organisation.la_code,
        "simulated": organisation.simulated,
    }  # fmt: skip


def _identifier(text: str) -> dict[str, str]:
    scheme, colon, value = text.partition(":")
    if not colon or not scheme or not value:
        raise typer.BadParameter(f"“{text}” is not of the form scheme:id.", param_hint="--identifier")
    return {"scheme": scheme, "id": value}


def _authority(text: str | None) -> str | None:
    from placefeed.schema.codelists import local_authority

    if text is None:
        return None
    found = local_authority(text)
    if found is None:
        stop(f"There is no local authority “{text}” in the list. Give its name or its nine-character code.", code=2)
    return found.code

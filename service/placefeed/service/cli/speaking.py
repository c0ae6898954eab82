"""`placefeed speaks-for`: which settings a provider speaks for; proposed from Ofsted's owners, confirmed by the operator."""

from typing import Annotated

import typer

from placefeed.service.cli.edge import BY, AsJson, Data, audited, new_group, opened, progress, say, show, stop, writing

app = new_group("Who speaks for which setting: proposed from Ofsted's owner names, confirmed by you.")

Organisation = Annotated[str, typer.Argument(metavar="ORGANISATION", help="The provider's id.")]
Urns = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[URN]...", help="Only these settings; all that are proposed unless given.", show_default=False
    ),
]


@app.command("list")
def list_(
    organisation: Annotated[
        str | None, typer.Argument(metavar="[ORGANISATION]", help="Only this provider's.", show_default=False)
    ] = None,
    state: Annotated[str, typer.Option(help="proposed, confirmed or refused.")] = "proposed",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what is proposed, confirmed or refused."""
    from placefeed.service.access import organisations

    with opened(data, as_json=as_json) as here:
        with here.database.read() as session:
            rows = [
                {
                    "urn": row.urn,
                    "organisation": row.organisation_id,
                    "state": row.state,
                    "decidedBy": row.decided_by,
                    "at": row.decided_at,
                }
                for row in organisations.proposals(session, organisation_id=organisation, state=state)
            ]
        show(rows, as_json=as_json, empty=f"Nothing is {state}.")


@app.command()
def confirm(organisation: Organisation, urns: Urns = None, data: Data = None) -> None:
    """Say that a provider speaks for settings: those named, or all that are proposed to it."""
    from placefeed.service.access import organisations

    with opened(data) as here:
        with writing(here) as session:
            wanted = urns or [row.urn for row in organisations.proposals(session, organisation_id=organisation)]
            if not wanted:
                organisations.get_organisation(session, organisation)
                stop(f"Nothing is proposed to {organisation}. Name the URNs that it speaks for.")
            count = organisations.confirm(session, organisation, urns=wanted, by=BY, now=here.now)
            audited(session, here, "speaks-for.confirmed", organisation, settings=len(wanted))
        say(f"{organisation} speaks for {count:,} more settings.")


@app.command()
def refuse(
    organisation: Organisation,
    urns: Annotated[list[str], typer.Argument(metavar="URN...", help="The settings.")],
    data: Data = None,
) -> None:
    """Say that a provider does not, or no longer, speak for settings; what it said of them leaves the list."""
    from placefeed.service.access import organisations

    with opened(data) as here:
        with writing(here) as session:
            count = organisations.refuse(session, organisation, urns=urns, by=BY, now=here.now)
            audited(session, here, "speaks-for.refused", organisation, settings=len(urns))
        say(f"{organisation} does not speak for {count:,} settings.")


@app.command("confirm-all")
def confirm_all(
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    data: Data = None,
) -> None:
    """Confirm every proposal, except where a setting is proposed to more than one provider."""
    from collections import Counter, defaultdict

    from placefeed.service.access import organisations

    with opened(data) as here:
        with here.database.read() as session:
            rows = organisations.proposals(session)
        claims = Counter(row.urn for row in rows)
        by_owner: defaultdict[str, list[str]] = defaultdict(list)
        for row in rows:
            if claims[row.urn] == 1:
                by_owner[row.organisation_id].append(row.urn)
        disputed = sum(count > 1 for count in claims.values())
        total = sum(map(len, by_owner.values()))
        if (
            total
            and not yes
            and not typer.confirm(f"Confirm {total:,} settings of {len(by_owner):,} providers, by their names alone?")
        ):
            stop("Nothing was done.")
        confirmed = 0
        with progress() as bars, writing(here) as session:
            bar = bars("Confirming")
            for done, (organisation, urns) in enumerate(by_owner.items(), start=1):
                confirmed += organisations.confirm(session, organisation, urns=urns, by=BY, now=here.now)
                bar(done, len(by_owner))
            audited(session, here, "speaks-for.confirmed-all", "all", settings=confirmed)
        say(
            f"{confirmed:,} settings of {len(by_owner):,} providers are confirmed."
            + (f" {disputed:,} are proposed to several and wait." if disputed else "")
        )

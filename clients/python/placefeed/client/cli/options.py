"""Options that several commands have: the exchange and the key, the form of the output, the filters of the list."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from placefeed.client._terminal import stop

Url = Annotated[
    str | None, typer.Option("--url", envvar="PLACEFEED_URL", help="Address of the exchange.", show_default=False)
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="PLACEFEED_KEY",
        help="Your key. Better given by the environment: others on the machine can read options.",
        show_default=False,
        show_envvar=True,
    ),
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        envvar="PLACEFEED_INSECURE",
        help="Let the key go over plain http, inside a network that you trust.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]


def filters_of(
    *,
    la: Annotated[list[str] | None, typer.Option(help="Local authority: GSS code or name.", show_default=False)] = None,
    region: Annotated[list[str] | None, typer.Option(help="Region: code or name.", show_default=False)] = None,
    provision_type: Annotated[list[str] | None, typer.Option(help="Such as children-home.", show_default=False)] = None,
    age: Annotated[int | None, typer.Option(help="The age that it must suit, in years.", show_default=False)] = None,
    gender: Annotated[list[str] | None, typer.Option(help="female, male, any-gender...", show_default=False)] = None,
    placement_type: Annotated[
        list[str] | None, typer.Option(help="planned, emergency, short-break...", show_default=False)
    ] = None,
    response: Annotated[
        list[str] | None, typer.Option(help="today, under-5-days, over-5-days.", show_default=False)
    ] = None,
    available_by: Annotated[
        str | None, typer.Option(help="Free on or before this day: YYYY-MM-DD.", show_default=False)
    ] = None,
    weekly_at_most: Annotated[
        float | None, typer.Option(help="Weekly price in pounds, at most.", show_default=False)
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", "-s", help="Words in name, provider or area.", show_default=False)
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="Any other filter of the exchange, as name=value.", show_default=False),
    ] = None,
) -> dict[str, Any]:
    """The filters in the words of the exchange."""
    return {
        "la": la, "region": region, "provisionType": provision_type, "age": age, "gender": gender, "placementType": placement_type,
        "response": response, "availableBy": available_by, "q": search,
        "weeklyAtMostPence": None if weekly_at_most is None else round(weekly_at_most * 100),
        **_named(filters or []),
    }  # fmt: skip


def with_filters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `filters_of` in place of its parameter `asked`, which gets what they say."""
    own = inspect.signature(command, eval_str=True)
    theirs = inspect.signature(filters_of, eval_str=True).parameters

    @wraps(command)
    def run(**given: Any) -> None:
        asked = filters_of(**{name: given.pop(name) for name in theirs})
        command(asked={name: value for name, value in asked.items() if value not in (None, [])}, **given)

    shown: list[inspect.Parameter] = []
    for name, parameter in own.parameters.items():
        shown.extend(theirs.values() if name == "asked" else [parameter])
    run.__signature__ = own.replace(  # type: ignore[attr-defined]  # what Typer reads the options from
        parameters=[parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in shown]
    )
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return run


def needed(value: str | None, name: str) -> str:
    """An option that may come from the environment; without it the command ends with 2."""
    if not value:
        stop(
            f"Say which {'exchange' if name == 'url' else 'key'}: --{name}, or PLACEFEED_{name.upper()} in the environment.",
            code=2,
        )
    return value


def _named(filters: list[str]) -> dict[str, Any]:
    named: dict[str, list[str]] = {}
    for text in filters:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"“{text}” is not of the form name=value.", param_hint="--filter")
        named.setdefault(name, []).append(value)
    return dict(named)

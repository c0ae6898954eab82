"""The control room: sources, submissions, held feeds, subscriptions, organisations, people, keys, Ofsted, audit."""

from fastapi import APIRouter

from placefeed.service.pages.operator import (
    certificates,
    consortia,
    control,
    keyroom,
    newsource,
    organisations,
    people,
    received,
    register,
    sources,
    speaking,
    subscriptions,
    trail,
)

ROUTERS: tuple[APIRouter, ...] = (
    control.router,
    sources.router,
    received.router,
    subscriptions.router,
    organisations.router,
    speaking.router,
    keyroom.router,
    people.router,
    newsource.router,
    consortia.router,
    register.router,
    certificates.router,
    trail.router,
)

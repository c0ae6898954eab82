"""Signing in and out, invitations, new passwords, the second factor, other sign-ins, one's account and colleagues."""

from fastapi import APIRouter

from placefeed.service.pages.sign_in import (
    account,
    colleagues,
    elsewhere,
    entering,
    factor,
    invitations,
    new_password,
    places,
)

ROUTERS: tuple[APIRouter, ...] = (
    entering.router,
    elsewhere.router,  # after `/sign-in/code`, which would else be the name of another sign-in
    places.router,
    invitations.router,
    new_password.router,
    account.router,
    factor.router,
    colleagues.router,
)

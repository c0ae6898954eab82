"""Every page, in the order in which addresses are matched."""

from fastapi import APIRouter

from placefeed.service.pages import (
    listings,
    operator,
    protection,
    provider,
    public,
    sending,
    settings,
    sign_in,
    static,
)

PAGES: tuple[APIRouter, ...] = (
    *public.ROUTERS,
    *sign_in.ROUTERS,
    *listings.ROUTERS,
    *settings.ROUTERS,
    *provider.ROUTERS,
    *sending.ROUTERS,
    *operator.ROUTERS,
    *protection.ROUTERS,
    static.router,
)

UPLOADS = {"/upload", "/check", "/control/register"}
"""Addresses of pages that take files."""

"""What anyone may read: what this is, the open summary, the standard, accessibility, privacy."""

from fastapi import APIRouter

from placefeed.service.pages.public import home, standard, statements, summary

ROUTERS: tuple[APIRouter, ...] = (home.router, summary.router, standard.router, statements.router)

"""One setting: capacity, vacancies, prices line by line, Ofsted's history, where everything comes from."""

from fastapi import APIRouter

from placefeed.service.pages.settings import one

ROUTERS: tuple[APIRouter, ...] = (one.router,)

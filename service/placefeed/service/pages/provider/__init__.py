"""A provider's homes: the update in thirty seconds, vacancies, prices, and what members see."""

from fastapi import APIRouter

from placefeed.service.pages.provider import home, homes, prices, seen, update, vacancies

ROUTERS: tuple[APIRouter, ...] = (
    homes.router,
    update.router,
    vacancies.router,
    prices.router,
    seen.router,
    home.router,
)

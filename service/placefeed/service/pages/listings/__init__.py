"""The live list for members: filters, news, saved searches, comparison, and the policy of what is hidden."""

from fastapi import APIRouter

from placefeed.service.pages.listings import comparison, hiding, live_list, saved

ROUTERS: tuple[APIRouter, ...] = (live_list.router, comparison.router, hiding.router, saved.router)

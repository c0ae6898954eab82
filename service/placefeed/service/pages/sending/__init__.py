"""Spreadsheets and feeds: upload and report, check without sending, and the one-use link of a reminder."""

from fastapi import APIRouter

from placefeed.service.pages.sending import check, reports, unchanged, upload

ROUTERS: tuple[APIRouter, ...] = (upload.router, reports.router, check.router, unchanged.router)

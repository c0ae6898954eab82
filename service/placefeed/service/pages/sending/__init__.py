"""Spreadsheets and feeds: upload and report, check without sending, and the one-use link of a reminder."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()

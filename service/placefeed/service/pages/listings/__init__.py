"""The live list for members: filters, news, saved searches, comparison, and the policy of what is hidden."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()

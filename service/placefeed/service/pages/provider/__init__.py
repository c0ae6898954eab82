"""A provider's homes: the update in thirty seconds, vacancies, prices, and what members see."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()

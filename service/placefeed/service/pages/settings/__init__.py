"""One setting: capacity, vacancies, prices line by line, Ofsted's history, where everything comes from."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()

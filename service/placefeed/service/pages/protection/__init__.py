"""The data-protection register: what is held, why, who sees it, how long; access requests; templates."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()

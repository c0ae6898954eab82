"""The control room: sources, submissions, held feeds, subscriptions, organisations, people, keys, Ofsted, audit."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()

"""Data protection: the operator's register, what is held about a person and its erasure, and templates to sign."""

from fastapi import APIRouter

from placefeed.service.pages.protection import papers, register, rights

ROUTERS: tuple[APIRouter, ...] = (register.router, rights.router, papers.router)

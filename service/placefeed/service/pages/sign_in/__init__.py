"""Signing in and out, invitations, new passwords, the second factor, other sign-ins, one's account and colleagues."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()

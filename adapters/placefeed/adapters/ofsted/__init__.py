"""Ofsted's lists of children's social care: any year, any shape, told apart by content."""

from placefeed.adapters.ofsted.model import (
    AsAtMissing,
    Kind,
    OfstedFile,
    OfstedInspection,
    OfstedRow,
    OfstedSite,
)
from placefeed.adapters.ofsted.owners import owner_key
from placefeed.adapters.ofsted.read import read_ofsted

__all__ = [
    "AsAtMissing",
    "Kind",
    "OfstedFile",
    "OfstedInspection",
    "OfstedRow",
    "OfstedSite",
    "owner_key",
    "read_ofsted",
]

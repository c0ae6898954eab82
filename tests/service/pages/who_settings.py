"""The page of one setting and its history: another provider's home is not there, a member reads no history."""

from tests.service.pages.who import Row

ROWS = {
    ("GET", "/settings/{urn}"): Row((200, 404, 200, 200, 303)),
    ("GET", "/settings/{urn}/history"): Row((200, 404, 403, 200, 303)),
}

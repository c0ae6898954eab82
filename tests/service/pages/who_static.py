"""The files of pages."""

from tests.service.pages.who import Row

ROWS = {
    ("GET", "/static/{version}/{name}"): Row((200, 200, 200, 200, 200), "/static/any/placefeed.css"),
}

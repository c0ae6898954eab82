"""What anyone may read."""

from tests.service.pages.who import Row

ROWS = {
    ("GET", "/"): Row((303, 303, 303, 303, 200)),
}

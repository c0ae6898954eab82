"""What anyone may read."""

from tests.service.pages.who import Row

ANYBODY = (200, 200, 200, 200, 200)
ROWS = {
    ("GET", "/"): Row((303, 303, 303, 303, 200)),
    ("GET", "/summary"): Row((404, 404, 404, 404, 404)),  # off, unless switched on: see test_public
    ("GET", "/standard"): Row(ANYBODY),
    ("GET", "/standard/changes"): Row(ANYBODY),
    ("GET", "/standard/rules"): Row(ANYBODY),
    ("GET", "/standard/codelists/{name}"): Row(ANYBODY, "/standard/codelists/needs"),
    ("GET", "/standard/mappings/{name}"): Row(ANYBODY, "/standard/mappings/hsds"),
    ("GET", "/standard/examples"): Row(ANYBODY),
    ("GET", "/standard/examples/{name}"): Row(ANYBODY, "/standard/examples/vacancy-home-of-four.json"),
    ("GET", "/standard/{name}"): Row(ANYBODY, "/standard/vacancy"),
    ("GET", "/accessibility"): Row(ANYBODY),
    ("GET", "/privacy"): Row(ANYBODY),
}

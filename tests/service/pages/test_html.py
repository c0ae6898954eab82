"""Every page is HTML without a mistake, by a strict parser and by the W3C's checker; nothing in it runs, and nothing comes from elsewhere."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import html5lib
import pytest

from placefeed.service.config import Settings
from tests.service.api.exchange import OURS, World, feed_of, sqlite_settings
from tests.service.pages.walk import all_pages

VNU = Path(__file__).parents[2] / "validators" / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
INLINE = re.compile(r"<[^>]+\s(?:on[a-z]+|style)\s*=|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE)
ELSEWHERE = re.compile(r"<(?:script|img|link|iframe|source|use|image)[^>]+(?:src|href)=\"(?:https?:)?//", re.IGNORECASE)


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """One database is enough for what has nothing to do with it."""
    return sqlite_settings(tmp_path, sqlite_template)


def test_every_page_is_clean(make_app: Callable[..., World], visit_of: Callable[..., Any], tmp_path: Path) -> None:
    world, visit = visit_of(make_app(public=True))
    world.push("provider", feed_of(OURS))
    world.publish()
    if not shutil.which("java") or not VNU.exists():
        pytest.skip("MISSING: Java or the W3C's checker (vnu-jar); install a Java runtime and run make validators")
    folder = tmp_path / "pages"
    folder.mkdir()
    seen: dict[str, str] = {}
    for role, path, answer in all_pages(world, visit):
        said = f"{path} as {role}"
        html5lib.HTMLParser(strict=True).parse(answer.text)
        assert not INLINE.search(answer.text), (said, INLINE.search(answer.text))
        assert not ELSEWHERE.search(answer.text), said
        assert "default-src 'none'" in answer.headers["content-security-policy"], said
        assert answer.headers["cache-control"] == "private, no-store" or role == "nobody", said
        if "<header" not in answer.text:
            continue  # a piece for a script to put in: what it refers to stands on the page
        name = f"{len(seen):04}.html"
        seen[name] = said
        (folder / name).write_text(answer.text)
    assert len(seen) > 3
    checked = subprocess.run(
        ["java", "-jar", str(VNU), "--format", "json", "--errors-only", str(folder)], capture_output=True, text=True
    )
    wrong = [
        f"{seen[Path(each['url']).name]}: line {each.get('lastLine')}: {each['message']}"
        for each in json.loads(checked.stderr)["messages"]
    ]
    assert not wrong, "\n".join(wrong)

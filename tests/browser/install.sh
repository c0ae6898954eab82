#!/bin/sh
# Installs Debian's Chromium where the machine lets us. Never fails: without it the tests in a browser are skipped, and say so.
found() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
if ! found >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Chromium is missing: apt-get install chromium"
  { apt-get update && apt-get install -y --no-install-recommends chromium; } >/dev/null 2>&1
fi
if found >/dev/null; then
  touch "$1"
else
  echo "MISSING: Chromium, so no page is tried in a real browser. Install the package chromium."
fi
exit 0

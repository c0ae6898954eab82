#!/bin/sh
# Installs the validators from the locked list. Never fails: without them the tests that ask them are skipped, and say so.
cd "$(dirname "$0")" || exit 0
if ! { command -v node && command -v npm; } >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Node.js is missing: apt-get install nodejs npm"
  { apt-get update && apt-get install -y --no-install-recommends nodejs npm; } >/dev/null 2>&1
fi
if ! { command -v node && command -v npm; } >/dev/null; then
  echo "MISSING: Node.js and npm, so the official validators of change feeds and AsyncAPI are not asked. Install nodejs and npm."
elif npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null; then
  touch "$1"
else
  echo "MISSING: the official validators of change feeds and AsyncAPI could not be installed (see above), so they are not asked."
fi
exit 0

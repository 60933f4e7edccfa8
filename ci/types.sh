#!/usr/bin/env bash
# Checks the types that a user's suite sees, as they are built, with each vitest that is supported.
set -euo pipefail
cd "$(dirname "$0")/.."

node_modules/.bin/tsc -p fixtures/types

other=fixtures/types/vitest-5
if [[ ! $other/node_modules/.package-lock.json -nt $other/package-lock.json ]]; then
  # Nothing of it runs, so that a Node which is too old for it will do.
  npm install --prefix "$other" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error
  touch "$other/node_modules/.package-lock.json"
fi
node_modules/.bin/tsc -p "$other"

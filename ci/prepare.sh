#!/usr/bin/env bash
# What `npm test`, `npm run demo` and CI need before anything else: host packages and npm dependencies.
# Says what it installs; does almost nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

bash ci/setup.sh --dev

# npm writes this file last: it is as old as what is installed.
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
  echo "npm: installing the dependencies in package-lock.json"
  # Not `npm ci`: it refuses a lock file made where the registry lacks other platforms' optional packages.
  # The versions are those of the lock file all the same, and it is left as it is.
  npm install --no-save --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi

#!/usr/bin/env bash
# `npm run demo`: from a fresh clone to tests in resumed clones of a real machine, with what each step took.
set -euo pipefail
cd "$(dirname "$0")/.."

summary=()
step() {
  local title=$1 started=$EPOCHREALTIME
  shift
  printf '\n\033[1m== %s\033[0m\n' "$title"
  "$@"
  local ms=$(((${EPOCHREALTIME/./} - ${started/./}) / 1000))
  summary+=("$(printf '%8d.%01d s  %s' $((ms / 1000)) $((ms % 1000 / 100)) "$title")")
}

step 'install host packages and npm dependencies' bash ci/prepare.sh
step 'compile Mayfly' npm run --silent build
step 'build the micro guest, boot it, seal it' node dist/cli/main.js warm micro
step 'run an example suite, each test in a clone of its own' node_modules/.bin/vitest run --project examples examples/plain

printf '\n\033[1mWhat each step took\033[0m\n'
printf '%s\n' "${summary[@]}"
printf '\nRun it again: all but the suite is cached. Next: examples/, README.md, `node dist/cli/main.js run micro`.\n'

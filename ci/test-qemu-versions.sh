#!/usr/bin/env bash
# `npm run test:qemu`: the guest tests with the installed QEMU (7.2 on Debian 12) and with that of its backports (10.x).
# Arguments go to vitest.
set -euo pipefail
cd "$(dirname "$0")/.."

newer=$(bash ci/qemu-backports.sh | tail -n 1)
installed=$(command -v "$(basename "$newer")")

version_of() {
  local text
  text=$("$1" --version)
  echo "${text%%$'\n'*}"
}

[[ $(version_of "$installed") != "$(version_of "$newer")" ]] || {
  echo "$installed and $newer are the same version: there is nothing to compare." >&2
  exit 1
}

status=0
summary=()
for qemu in "$installed" "$newer"; do
  version=$(version_of "$qemu")
  printf '\n== %s\n' "$version"
  outcome=passed
  MAYFLY_QEMU=$qemu node_modules/.bin/vitest run --project guest "$@" || { status=1 outcome=FAILED; }
  summary+=("$outcome  $version")
done

printf '\nGuest tests by QEMU version\n'
printf '  %s\n' "${summary[@]}"
exit $status

#!/usr/bin/env bash
# `npm test`: everything that is needed, then every test, unit and guest. Arguments go to vitest.
set -euo pipefail
cd "$(dirname "$0")/.."

bash ci/prepare.sh
exec node_modules/.bin/vitest run "$@"

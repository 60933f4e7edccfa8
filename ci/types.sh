#!/usr/bin/env bash
# Checks the types that a user's suite sees, as they are built, with each vitest that is supported.
set -euo pipefail
cd "$(dirname "$0")/.."

node_modules/.bin/tsc -p fixtures/types

# What the declarations take their types from has to come with the package.
node --input-type=module - <<'JS'
import { readdirSync, readFileSync } from 'node:fs'
const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const known = { ...dependencies, ...peerDependencies }
const files = readdirSync('dist', { recursive: true }).filter((file) => file.endsWith('.d.ts'))
const names = files.flatMap((file) =>
  [...readFileSync(`dist/${file}`, 'utf8').matchAll(/from '(@[^/']+\/[^/']+|[^.@/'][^/']*)/g)].map(([, name]) => name),
)
const foreign = [...new Set(names)].filter((name) => !name.startsWith('node:'))
const hasTypes = (name) => !!JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).types
const missing = foreign.map((name) => (hasTypes(name) || name === 'vitest' ? name : `@types/${name}`)).filter((name) => !known[name])
if (missing.length > 0) throw new Error(`types that users do not get: ${missing.join(', ')}`)
JS

other=fixtures/types/vitest-5
if [[ ! $other/node_modules/.package-lock.json -nt $other/package-lock.json ]]; then
  # Nothing of it runs, so that a Node which is too old for it will do.
  npm install --prefix "$other" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error
  touch "$other/node_modules/.package-lock.json"
fi
node_modules/.bin/tsc -p "$other"

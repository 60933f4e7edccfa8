import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { scriptCommand, unfitScript } from './script-file.js'

const directory = mkdtempSync(join(tmpdir(), 'mayfly-script-'))
afterAll(() => rmSync(directory, { recursive: true }))

function written(text: string): string {
  const path = join(directory, 'setup.sh')
  writeFileSync(path, text)
  return path
}

test.each([
  ['echo bare\n', "exec '/bin/sh' '/tmp/copy'"],
  ['#!/bin/sh\n', "exec '/bin/sh' '/tmp/copy'"],
  ['#! /bin/bash -eu  \ntrue\n', "exec '/bin/bash' '-eu' '/tmp/copy'"],
  ['#!/usr/bin/env -S python3 -u\n', "exec '/usr/bin/env' '-S python3 -u' '/tmp/copy'"],
  ['#!/bin/bash', "exec '/bin/bash' '/tmp/copy'"],
  ['', "exec '/bin/sh' '/tmp/copy'"],
  ['\x7fELF\x02', "exec '/tmp/copy'"],
])('%j is run as the kernel would run it', (text, command) => {
  expect(scriptCommand(written(text), '/tmp/copy')).toBe(command)
})

test('CRLF line ends and a byte order mark are told by the name of the file', () => {
  const path = written('#!/bin/sh\r\ntrue\r\n')
  expect(unfitScript(path)?.message).toBe(`the script ${path} has CRLF line ends`)
  written('\uFEFF#!/bin/sh\n')
  expect(unfitScript(path)?.message).toBe(`the script ${path} begins with a byte order mark`)
  written("#!/bin/sh\nprintf 'a\\r\\n'\n")
  expect(unfitScript(path)).toBeUndefined()
})

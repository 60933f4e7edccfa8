import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { installScript } from './install-script.js'

let programs: string
beforeEach(async () => {
  programs = await mkdtemp(join(tmpdir(), 'mayfly-install-'))
  onTestFinished(() => rm(programs, { recursive: true }))
})

/** Runs the script where these are the only programs, which say how they are called. */
async function install(managers: string[], status = 0) {
  for (const name of managers) {
    await writeFile(join(programs, name), `#!/bin/sh\necho "${name} $*"\nexit ${status}\n`)
    await chmod(join(programs, name), 0o755)
  }
  await symlink('/usr/bin/env', join(programs, 'env'))
  const script = installScript(['nginx', 'libc6:amd64'])
  return await execa('/bin/sh', ['-euc', script], { env: { PATH: programs }, extendEnv: false, reject: false })
}

test('apt gets its lists first', async () => {
  const { stdout, exitCode } = await install(['apt-get', 'pkg'])
  expect({ lines: stdout.split('\n'), exitCode }).toEqual({
    lines: [
      'apt-get -q -o DPkg::Lock::Timeout=120 update',
      'apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends nginx libc6:amd64',
    ],
    exitCode: 0,
  })
})

test.each(['dnf', 'yum', 'apk', 'zypper', 'pacman', 'pkg'])('%s is used where it is what there is', async (name) => {
  const { stdout, exitCode } = await install([name])
  expect(stdout).toMatch(new RegExp(`^${name} .* nginx libc6:amd64$`))
  expect(exitCode).toBe(0)
})

test.each(['apk', 'apt-get'])('a failure of %s is that of the step', async (name) => {
  expect((await install([name], 3)).exitCode).toBe(3)
})

test('a guest without one is told so', async () => {
  expect(await install([])).toMatchObject({
    exitCode: 127,
    stderr: expect.stringMatching(/^there is none of apt-get, dnf, .* in this guest$/),
  })
})

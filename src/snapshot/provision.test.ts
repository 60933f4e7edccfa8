import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { describe, expect, test } from 'vitest'
import { type DataStep, shell } from '../guest/steps.js'
import { SshConnection } from '../ssh/connection.js'
import { type Account, startSshd } from '../ssh/testing/local-sshd.js'
import { takeStep } from './provision.js'

const isRoot = userInfo().uid === 0
const SHELLS: [string, Account | undefined][] = [
  ['the login shell of this user', undefined],
  ...(isRoot && existsSync('/usr/bin/fish') ? [['fish', { shell: '/usr/bin/fish' }] as [string, Account]] : []),
]

describe.each(SHELLS)('a step of 10 MB with %s', (_, account) => {
  test.each([undefined, ...(isRoot ? ['nobody'] : [])])(
    'runs as %s, reads no input of its own text, and fails as one',
    async (user) => {
      await using server = await startSshd([], undefined, account)
      const connection = await SshConnection.open(server.target)
      const lines: string[] = []
      const payload = 'a'.repeat(10_000_000)
      const script = `p='${payload}'\nid -un; printf '%s\\n' "\${#p}"; cat; echo last >&2; false; echo not here`
      const step = shell(script, { user: user ?? userInfo().username }) as DataStep
      try {
        await expect(takeStep(connection, step, (line) => lines.push(line), { hint: 'Fix it.' })).rejects.toMatchObject(
          {
            code: 'MAYFLY_COMMAND_FAILED',
            message: expect.stringMatching(/^provision step failed \(exit code 1\)/),
          },
        )
      } finally {
        await connection.close()
      }
      expect(lines.toSorted()).toEqual(['10000000', 'last', user ?? userInfo().username].toSorted())
    },
  )
})

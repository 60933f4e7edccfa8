import { guestTest } from 'mayfly/vitest'
import { expect } from 'vitest'

const test = guestTest('micro') // every test gets a machine of its own

test('a real machine, with its own kernel', async ({ vm }) => {
  expect(await vm.succeed('uname -s')).toBe('Linux\n')
  await vm.succeed('sysctl -w kernel.hostname=mayfly && rm -rf /etc /usr/lib')
  await vm.fail('cat /etc/passwd')
})

test('another one: what the first test broke is whole here', async ({ vm }) => {
  await vm.writeFile('/etc/motd', 'hello\n')
  const { stdout, exitCode } = await vm.exec('ls /etc/motd && cat /etc/motd')
  expect({ stdout, exitCode }).toEqual({ stdout: '/etc/motd\nhello\n', exitCode: 0 })
})

test('it survives losing its power', async ({ vm }) => {
  await vm.succeed('echo kept > /scratch/file && sync')
  await vm.crash()
  await vm.start()
  expect(await vm.readFile('/scratch/file')).toBe('kept\n')
})

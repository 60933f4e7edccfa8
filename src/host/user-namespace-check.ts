import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { type Check, ok, warn } from './check.js'
import { runTool } from './run-tool.js'

const NAME = 'user namespaces'

interface User {
  uid: number
  /** Undefined for one who has no entry in /etc/passwd, as in a container that runs as any number. */
  username: string | undefined
}

function thisUser(): User {
  try {
    return userInfo()
  } catch {
    return { uid: process.getuid?.() ?? 0, username: undefined }
  }
}

/** Whether images can be built without root: user namespaces, and a range of subordinate ids for this user. */
export async function checkUserNamespaces(user: Pick<User, 'uid' | 'username'> = thisUser()): Promise<Check> {
  if (user.uid === 0) return ok(NAME, 'not needed, this is root')
  const probe = await runTool('unshare', ['--user', '--map-root-user', 'true'], { timeoutMs: 10_000 })
  if (probe.exitCode !== 0) {
    const why = probe.stderr.split('\n')[0] || (probe.error?.message ?? 'unshare failed')
    const hint =
      'Allow them (sysctl kernel.unprivileged_userns_clone=1, or on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0), or build images as root.'
    return warn(NAME, `not allowed: ${why}`, hint)
  }
  if (user.username === undefined) {
    return warn(
      NAME,
      `allowed, but user ${user.uid} has no entry in /etc/passwd, which subordinate ids are looked up by`,
      'Run as a user with an entry there and a range in /etc/subuid and /etc/subgid, or build images as root.',
    )
  }
  const named = { uid: user.uid, username: user.username }
  const missing = (await Promise.all(['/etc/subuid', '/etc/subgid'].map((path) => lacksRange(path, named)))).flat()
  if (missing.length === 0) return ok(NAME, 'allowed, with subordinate ids')
  const ranges = '--add-subuids 100000-165535 --add-subgids 100000-165535'
  return warn(
    NAME,
    `allowed, but ${user.username} has no range in ${missing.join(' and ')}`,
    `sudo usermod ${ranges} ${user.username}`,
  )
}

async function lacksRange(path: string, user: { username: string; uid: number }): Promise<string[]> {
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n')
  const has = lines.some((line) => [user.username, String(user.uid)].includes(line.split(':')[0] ?? ''))
  return has ? [] : [path]
}

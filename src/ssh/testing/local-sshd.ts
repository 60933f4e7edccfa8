import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { SshTarget } from '../handshake.js'
import { generateIdentity, type SshIdentity } from '../identity.js'

export interface LocalServer extends AsyncDisposable {
  target: SshTarget
  identity: SshIdentity
  directory: string
  pid: number
  port: number
}

/** Root's login shell, and what it finds in its home directory. */
export interface Account {
  shell: string
  files?: Readonly<Record<string, string>>
}

/** A real OpenSSH server on a loopback port, with its own keys, for the tests beside it. Another account needs root. */
export async function startSshd(
  extraConfig: readonly string[] = [],
  port?: number,
  account?: Account,
): Promise<LocalServer> {
  return start(port, async (directory, identity, chosen) => {
    await writeFile(join(directory, 'host_key'), identity.host.privateKey, { mode: 0o600 })
    await writeFile(join(directory, 'authorized_keys'), `${identity.client.publicKey}\n`, { mode: 0o600 })
    // sshd gives up its privileges into this directory, which a service manager would have made.
    if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true })
    const config = [
      'ListenAddress 127.0.0.1',
      `Port ${chosen}`,
      `HostKey ${join(directory, 'host_key')}`,
      `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
      `PidFile ${join(directory, 'sshd.pid')}`,
      'StrictModes no',
      'PasswordAuthentication no',
      'PermitRootLogin yes',
      'Subsystem sftp internal-sftp',
      // bash reads the start-up files of this machine's user otherwise, which may do anything.
      `SetEnv HOME=${directory}`,
      'MaxStartups 100',
      ...extraConfig,
    ]
    await writeFile(join(directory, 'sshd_config'), `${config.join('\n')}\n`)
    const sshd = ['/usr/sbin/sshd', '-D', '-e', '-f', join(directory, 'sshd_config')]
    return account ? withAccount(directory, account, `exec ${sshd.join(' ')}`) : sshd
  })
}

/** In a mount namespace of its own. */
async function withAccount(directory: string, { shell, files = {} }: Account, command: string): Promise<string[]> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), text)
  }
  const passwd = join(directory, 'passwd')
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n')
  await writeFile(
    passwd,
    lines.map((line) => line.replace(/^(root:.*):[^:]*:[^:]*$/, `$1:${directory}:${shell}`)).join('\n'),
  )
  const mount = `mount --bind '${passwd}' /etc/passwd`
  return ['unshare', '-m', '--propagation', 'slave', 'sh', '-c', `${mount} && ${command}`]
}

/**
 * A real dropbear, as the micro guest runs it. It knows only the home directory's authorized_keys, so an empty home is
 * mounted over the real one in a mount namespace of its own: it needs root.
 */
export async function startDropbear(): Promise<LocalServer> {
  return start(undefined, async (directory, identity, port) => {
    await writeFile(join(directory, 'host_key'), identity.host.dropbear, { mode: 0o600 })
    const { homedir } = userInfo()
    const home = join(directory, 'home')
    await mkdir(join(home, '.ssh'), { recursive: true, mode: 0o700 })
    await writeFile(join(home, '.ssh/authorized_keys'), `${identity.client.publicKey}\n`, { mode: 0o600 })
    const dropbear = `exec /usr/sbin/dropbear -F -E -s -W 1048576 -r '${join(directory, 'host_key')}' -p 127.0.0.1:${port}`
    return ['unshare', '-m', '--propagation', 'slave', 'sh', '-c', `mount --bind '${home}' '${homedir}' && ${dropbear}`]
  })
}

async function start(
  wantedPort: number | undefined,
  prepare: (directory: string, identity: SshIdentity, port: number) => Promise<string[]>,
): Promise<LocalServer> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-sshd-'))
  await chmod(directory, 0o755)
  const identity = generateIdentity('mayfly-test')
  const port = wantedPort ?? (await freePort())
  const [file, ...args] = await prepare(directory, identity, port)
  const server = spawn(file!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', (code) => reject(new Error(`${file} exited with ${code}: ${said}`)))
    server.stderr.on('data', (chunk: Buffer) => {
      said += chunk
      // dropbear says it is not in the background before it listens; its sockets are bound by then.
      if (/listening on|Not backgrounding/i.test(said)) resolve()
    })
  })
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  return {
    target: {
      host: '127.0.0.1',
      port,
      username: userInfo().username,
      privateKey: identity.client.privateKey,
      hostKey: identity.host.publicKey,
    },
    identity,
    directory,
    port,
    pid: server.pid!,
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Neither server can report a port of the kernel's choice, so the test takes one that was just free. */
async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}

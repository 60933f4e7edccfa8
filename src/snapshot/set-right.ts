import { randomBytes } from 'node:crypto'
import type { Agent } from '../guest/agent.js'
import { performance } from '../node-globals.js'
import type { QemuProcess } from '../qemu/process.js'
import type { SshConnection } from '../ssh/connection.js'
import { quote } from '../ssh/quote.js'
import { runScript } from '../ssh/script.js'
import { agentReply } from './agent-reply.js'
import { FILES } from './machine.js'
import type { Template } from './template.js'

/** A guest's clock is right to within the round trip that set it. */
const CLOSE_MS = 50
const MOST_ROUNDS = 3

/** Gives a resumed guest the host's time and random numbers of its own. A slow answer, of code that the emulator has yet to translate, is followed by another. */
export async function setRight(agent: Agent, qemu: QemuProcess): Promise<void> {
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    const started = performance.now()
    await agentReply('fixup', agent.fixup(), qemu)
    if (performance.now() - started <= CLOSE_MS) return
  }
}

/**
 * Whether that is done over SSH: in guests that cloud-init has set up, and that lack what the agent needs. A kernel of the
 * user's own is taken at its word.
 */
export function isFixedOverSsh({ manifest }: Template): boolean {
  return !manifest.agent && (FILES.seed in manifest.files || !(FILES.initrd in manifest.files))
}

/** The clock first. Bytes that are written to the random pool are mixed in at once, and counted for nothing; python, which cloud-init is written in, can have them counted. */
const SCRIPT = `
read -r now; read -r hex
date -u -s "@$now" >/dev/null 2>&1 || date -u -s "@\${now%.*}" >/dev/null 2>&1
echo "$hex" >/dev/urandom
command -v python3 >/dev/null && python3 - "$hex" <<'END'
import fcntl, struct, sys
entropy = bytes.fromhex(sys.argv[1])
with open('/dev/urandom', 'wb') as pool:
    fcntl.ioctl(pool, 0x40085203, struct.pack('ii', 8 * len(entropy), len(entropy)) + entropy)
    fcntl.ioctl(pool, 0x5207)
END
exit 0
`

/** The same in a guest without the agent, as well as it can be done there: it needs root, and its clock is late by what a command takes. */
export async function setRightOverSsh(connection: SshConnection): Promise<void> {
  const isRoot = connection.target.username === 'root'
  const script = isRoot ? SCRIPT : `exec sudo -n sh -c ${quote(SCRIPT)}`
  const now = (performance.timeOrigin + performance.now()) / 1000
  const stdin = `${now.toFixed(3)}\n${randomBytes(32).toString('hex')}\n`
  await runScript(connection, script, { name: 'set the clock', stdin })
}

import { readFile } from 'node:fs/promises'
import { guestFile } from '../../image/embedded.js'

/**
 * What cloud-init runs early at each boot, as root, before the SSH server starts. It makes OpenSSH 9.8 and later bear with
 * connections that end early, as those of a harness do; and installs Mayfly's agent where the guest has perl and systemd.
 */
export async function bootHook(): Promise<string> {
  const [script, agent] = await Promise.all([
    readFile(guestFile('cloud/boot-hook.sh'), 'utf8'),
    readFile(guestFile('agent.pl'), 'utf8'),
  ])
  return script.replace('@AGENT@', () => agent.trimEnd())
}

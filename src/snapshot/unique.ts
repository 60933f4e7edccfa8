import { randomBytes } from 'node:crypto'
import { MayflyError } from '../errors.js'
import { hostArchive } from '../guest/seed.js'
import { generateIdentity } from '../ssh/identity.js'
import { runScript } from '../ssh/script.js'
import { bootTimeoutMs } from './boot-timeout.js'
import { assertConnected, type Clone } from './clone.js'
import { untilReady } from './ready.js'

/**
 * Reads the name, the machine-id, the host key for dropbear (base64) and for OpenSSH, puts them in place,
 * and starts the SSH server again, so that it shows the new key. Sessions go on: each has a process of its own.
 */
const SCRIPT = `
set -eu
umask 077
read -r name; read -r id; read -r dropbear
key=$(cat)
hostname "$name"
if [ -e /etc/hostname ]; then echo "$name" >/etc/hostname; fi
sed -i "s/^127\\.0\\.1\\.1 .*/127.0.1.1 $name/" /etc/hosts
umask 022
old=$(cat /etc/machine-id 2>/dev/null || :)
echo "$id" >/etc/machine-id
# journalctl looks only into the directory with the machine-id as its name.
for logs in /var/log/journal /run/log/journal; do
  if [ -n "$old" ] && [ -d "$logs/$old" ]; then ln -s "$old" "$logs/$id"; fi
done
umask 077
for file in /mayfly/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key; do
  if [ -e "$file" ]; then echo "$key" >"$file"; rm -f "$file.pub"; fi
done
for file in /mayfly/dropbear_ed25519_host_key /etc/dropbear/dropbear_ed25519_host_key; do
  if [ -e "$file" ]; then echo "$dropbear" | base64 -d >"$file"; fi
done
for unit in ssh.service sshd.service dropbear.service; do
  if command -v systemctl >/dev/null && systemctl is-active --quiet "$unit"; then exec systemctl restart "$unit"; fi
done
for file in /run/sshd.pid /run/dropbear.pid /var/run/dropbear.pid; do
  if [ -e "$file" ]; then pid=$(cat "$file"); break; fi
done
tr '\\0' '\\n' <"/proc/$pid/cmdline" >/run/mayfly-sshd
set --
while IFS= read -r word; do set -- "$@" "$word"; done </run/mayfly-sshd
rm /run/mayfly-sshd
kill "$pid"
while kill -0 "$pid" 2>/dev/null; do usleep 5000 2>/dev/null || sleep 0.01; done
exec "$@" </dev/null >/dev/null 2>&1
`

/**
 * Gives a machine what its template's other clones do not have: machine-id, hostname and SSH host key. They stay after a reboot,
 * but for the machine-id of a guest whose root is in RAM.
 * @returns the machine with a connection that has seen the new key.
 * @throws MayflyError MAYFLY_COMMAND_FAILED with the guest's own words if it has not the means, or as `untilReady`.
 */
export async function makeUnique(clone: Clone, signal?: AbortSignal): Promise<Clone> {
  const { connection, place, prepared, login, address } = assertConnected(clone, 'making it unique')
  const { guest, harness } = prepared
  const timeoutMs = bootTimeoutMs(harness)
  const hostname = place.id.replaceAll(/[^A-Za-z0-9-]/g, '-')
  const { host } = generateIdentity(`mayfly ${place.id}`)
  const words = [hostname, randomBytes(16).toString('hex'), host.dropbear.toString('base64'), host.privateKey]
  const { exitCode, stderr } = await runScript(connection, SCRIPT, {
    name: 'make the guest unique',
    user: 'root',
    stdin: words.join('\n'),
    timeout: timeoutMs,
    signal,
  })
  if (exitCode !== 0) {
    throw new MayflyError('MAYFLY_COMMAND_FAILED', `${guest.name} could not be made unique (exit code ${exitCode})`, {
      details: stderr.split('\n').filter((line) => line !== ''),
      hint: 'The guest needs sh, hostname, sed and base64, and sshd or dropbear with its pid in /run, or as a systemd unit.',
    })
  }
  place.identity = { hostKey: host.publicKey, hostname, archive: hostArchive(host, hostname) }
  const target = { ...login, hostKey: place.hostKey, ...address }
  const next = await untilReady(clone, target, { timeoutMs, signal, name: guest.name, resumed: true })
  await Promise.all([connection.close(), place.record(clone.qemu.pid, address)])
  return { ...clone, connection: next }
}

import { MayflyError } from '../errors.js'
import { joinBridge } from '../network/bridge.js'
import { findAddress } from '../network/find-address.js'
import { AbortController, AbortSignal } from '../node-globals.js'
import type { NetworkCard } from '../qemu/argv.js'
import { forwardedPort } from '../qemu/forwarded-port.js'
import { agentReply } from './agent-reply.js'
import type { Running } from './running.js'

/** Where a machine's SSH server is. */
export interface SshAddress {
  host: string
  port: number
}

/** A machine, and what its network card is connected to. */
export interface Networked extends Running {
  card: NetworkCard
  /** The loopback port that leads to its SSH server, if that is known already. */
  sshPort?: number | undefined
}

export interface JoinOptions {
  /** Whose machine it is, for errors. */
  name: string
  timeoutMs: number
  signal?: AbortSignal | undefined
  /** It goes on from a state in which its card was another machine's, and its address too. */
  resumed?: boolean | undefined
}

const SSH_PORT = 22

/** What cannot be done with a guest that nothing leads to. */
export function noNetwork(name: string, what: string): MayflyError {
  return new MayflyError('MAYFLY_NO_NETWORK', `${name} has no network, and ${what} needs SSH`, {
    hint: "Define it with network: 'user' or 'tap', or use its console.",
  })
}

/**
 * Connects a machine that has just started, and tells where its SSH server is; undefined if it has no network.
 * @throws MayflyError MAYFLY_NETWORK_UNUSABLE, MAYFLY_BOOT_TIMEOUT without an address, MAYFLY_QEMU_EXITED, MAYFLY_GUEST_PANIC, MAYFLY_ABORTED.
 */
export async function joinNetwork(
  machine: Networked,
  { name, timeoutMs, signal, resumed }: JoinOptions,
): Promise<SshAddress | undefined> {
  const { qemu, agent, card, sshPort } = machine
  if (card.mode === 'none') return undefined
  if (card.mode === 'user') {
    return { host: '127.0.0.1', port: sshPort ?? (await forwardedPort(qemu.qmp, SSH_PORT)) }
  }
  const { mac } = card
  // Nobody on the bridge sees it under the address that it was frozen with.
  if (resumed) await agentReply('mac', agent.takeMacAddress(mac), qemu)
  await joinBridge(card.interface, card.bridge)
  if (resumed) await agentReply('dhcp', agent.askForAddress(), qemu)
  const settled = new AbortController()
  const aborts = AbortSignal.any([settled.signal, ...(signal ? [signal] : [])])
  const finding = findAddress({ ...card, name, timeoutMs, signal: aborts })
  try {
    const host = await Promise.race([finding, qemu.failOnExit(), qemu.console.failOnPanic(aborts)])
    return { host, port: SSH_PORT }
  } catch (error) {
    finding.catch(() => {})
    throw error
  } finally {
    settled.abort()
  }
}

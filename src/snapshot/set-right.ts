import type { Agent } from '../guest/agent.js'
import type { QemuProcess } from '../qemu/process.js'
import { agentReply } from './agent-reply.js'

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

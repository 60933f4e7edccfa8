import { MayflyError } from '../errors.js'
import type { Guest } from './spec.js'

/** Options that are right by themselves, and together make no machine. @throws MayflyError MAYFLY_GUEST_INVALID */
export function assertPossible({ name, arch, display, network, provision }: Guest): void {
  const contradictions: [applies: boolean, what: string, hint: string][] = [
    [
      network.mode === 'none' && provision.length > 0,
      'provision steps run over SSH, and the network is none',
      'Leave out the steps, or the network: a guest is reached through it.',
    ],
    [
      display && arch === 'arm64',
      'there is no display on aarch64',
      'Leave out `display`; the console is there in any case.',
    ],
  ]
  for (const [applies, what, hint] of contradictions) {
    if (applies) throw new MayflyError('MAYFLY_GUEST_INVALID', `${name}: ${what}`, { hint })
  }
}

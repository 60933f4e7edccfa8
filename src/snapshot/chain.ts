import type { Guest } from '../guest/spec.js'
import { describeStep, type Step } from '../guest/steps.js'
import type { Ingredients } from './cache-key.js'

/** What is sealed after the boot, or after one provision step: a guest with that as its last one. */
export interface ChainNode {
  guest: Guest
  ingredients: Ingredients
  /** What leads here from the node before; the boot, without one. */
  step: Step | undefined
  /** One line for people. */
  title: string
}

/** The nodes that lead to a guest, itself the last. Guests whose first steps are equal have those nodes in common. */
export function chainOf(guest: Guest, ingredients: Ingredients): [ChainNode, ...ChainNode[]] {
  const node = (count: number): ChainNode => {
    const step = count === 0 ? undefined : guest.provision[count - 1]
    return {
      guest: { ...guest, provision: guest.provision.slice(0, count) },
      ingredients: withSteps(ingredients, count),
      step,
      title: step ? describeStep(step) : `boot ${guest.name}`,
    }
  }
  return [node(0), ...guest.provision.map((_, index) => node(index + 1))]
}

function withSteps({ guest, host }: Ingredients, count: number): Ingredients {
  return { guest: { ...guest, provision: guest.provision.slice(0, count) }, host }
}

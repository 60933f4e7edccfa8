import { define } from './verdict.js'

export const serviceMatchers = {
  toBeRunning: define({
    on: ['service', 'process'],
    wanted: () => 'to be running',
    check: async (resource, options) => {
      if (resource.kind === 'process') {
        const { state, evidence } = await resource.look(options)
        return { pass: state.running, seen: resource.describe(state), evidence }
      }
      const { state, evidence } = await resource.look(options)
      return { pass: state.running, seen: resource.describe(state), evidence }
    },
  }),

  toBeActive: define({
    on: ['service'],
    wanted: () => 'to be active',
    check: async (service, options) => {
      const { state, evidence } = await service.look(options)
      return { pass: state.active, seen: service.describe(state), evidence }
    },
  }),

  toBeEnabled: define({
    on: ['service'],
    wanted: () => 'to be enabled',
    check: async (service, options) => {
      const { state, evidence } = await service.look(options)
      // Why it does not run is not the question, unless it is not there at all.
      return { pass: state.enabled, seen: service.describe(state), evidence: state.exists ? [] : evidence }
    },
  }),
}

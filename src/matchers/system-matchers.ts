import { types } from 'node:util'
import type { PackageResource } from '../vm/resources/package.js'
import { isVersion } from '../vm/resources/package.js'
import { contains, describePattern, type Pattern } from './text.js'
import { define } from './verdict.js'

export const systemMatchers = {
  toExist: define({
    on: ['file', 'user', 'group', 'service', 'interface', 'sysctl', 'package', 'process', 'mount'],
    wanted: () => 'to exist',
    check: async (resource, options) => {
      const { state, evidence } = await resource.look(options)
      return { pass: state.exists, seen: resource.describe(state as never), evidence: state.exists ? [] : evidence }
    },
  }),

  toBeListening: define({
    on: ['port'],
    wanted: () => 'to be listened on',
    check: async (port, options) => {
      const { state, evidence } = await port.look(options)
      return { pass: state.listening, seen: port.describe(state), evidence }
    },
  }),

  toBeInstalled: define({
    on: ['package'],
    wanted: (version?: Pattern) => `to be installed${version === undefined ? '' : ` in version ${version}`}`,
    check: async (resource: PackageResource, options, version?: Pattern) => {
      const { state, evidence } = await resource.look(options)
      const right = version === undefined || (state.version !== undefined && isVersion(state.version, version))
      return { pass: state.installed && right, seen: resource.describe(state), evidence }
    },
  }),

  toBeMounted: define({
    on: ['mount'],
    wanted: () => 'to be mounted',
    check: async (mount, options) => {
      const { state, evidence } = await mount.look(options)
      return { pass: state.mounted, seen: mount.describe(state), evidence }
    },
  }),

  toHaveValue: define({
    on: ['sysctl'],
    wanted: (value: Pattern | number) =>
      `to have the value ${types.isRegExp(value) ? describePattern(value) : String(value)}`,
    check: async (sysctl, options, value) => {
      const { state, evidence } = await sysctl.look(options)
      if (state.value === undefined) return { pass: false, seen: sysctl.describe(state), evidence }
      const seen = sysctl.describe(state)
      if (types.isRegExp(value)) return { pass: contains(state.value, value), seen }
      const expected = String(value).trim().replace(/\s+/g, ' ')
      return { pass: state.value === expected, seen, compared: { actual: state.value, expected } }
    },
  }),

  toBeUp: define({
    on: ['interface'],
    wanted: () => 'to be up',
    check: async (resource, options) => {
      const { state, evidence } = await resource.look(options)
      return { pass: state.up, seen: resource.describe(state), evidence }
    },
  }),

  toHaveAddress: define({
    on: ['interface'],
    wanted: (address: string) => `to have the address ${address}`,
    check: async (resource, options, address) => {
      const { state, evidence } = await resource.look(options)
      const pass = state.addresses.some((one) => one === address || one.split('/')[0] === address)
      return { pass, seen: resource.describe(state), evidence }
    },
  }),

  toBeInGroup: define({
    on: ['user'],
    wanted: (group: string) => `to be in the group ${group}`,
    check: async (user, options, group) => {
      const { state, evidence } = await user.look(options)
      return { pass: state.groups.includes(group), seen: user.describe(state), evidence }
    },
  }),
}

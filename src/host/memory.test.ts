import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { GIB, MIB } from '../units.js'
import { assertMemoryFits, hostMemory, type MemoryHost, memoryBudget } from './memory.js'

const root = mkdtempSync(join(tmpdir(), 'mayfly memory-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0
let scratch: string
beforeEach(() => {
  scratch = join(root, String(count++))
})

function write(path: string, text: string | number): string {
  const full = join(scratch, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, `${text}\n`)
  return full
}

function host({ cgroup = '', mounts = '' } = {}): MemoryHost {
  return {
    meminfoPath: write('meminfo', 'MemTotal:       8388608 kB\nMemFree:  100 kB\nMemAvailable:   4194304 kB'),
    cgroupPath: write('cgroup', cgroup),
    mountinfoPath: write('mountinfo', mounts),
  }
}

const escaped = () => scratch.replaceAll(' ', '\\040')
const v2Mount = (within = '/') => `25 21 0:22 ${within} ${escaped()}/v2 rw,nosuid shared:4 - cgroup2 cgroup2 rw`
const v1Mount = (within = '/') => `31 21 0:28 ${within} ${escaped()}/v1 rw - cgroup cgroup rw,memory`

test('without control groups the budget is a share of what is available', () => {
  expect(hostMemory(host())).toEqual({ total: 8 * GIB, available: 4 * GIB })
  expect(memoryBudget({}, host())).toBe(Math.floor(0.7 * 4 * GIB))
})

test('cgroup v2: the tightest limit on the way up counts, and droppable page cache is free', () => {
  write('v2/ci/job/memory.max', 'max')
  write('v2/ci/memory.max', 2 * GIB)
  write('v2/ci/memory.current', 1.5 * GIB)
  write('v2/ci/memory.stat', `anon ${0.5 * GIB}\nfile ${GIB}\ninactive_file ${GIB}\nactive_file 0`)
  expect(hostMemory(host({ cgroup: '0::/ci/job', mounts: v2Mount() }))).toEqual({
    total: 2 * GIB,
    available: 1.5 * GIB,
  })
})

test('cgroup v1: the memory hierarchy counts, its unlimited is no limit', () => {
  const memory = host({ cgroup: '9:cpu:/other\n4:memory:/box\n0::/', mounts: `${v1Mount()}\n${v2Mount()}` })
  write('v1/box/memory.limit_in_bytes', '9223372036854771712')
  expect(hostMemory(memory)).toEqual({ total: 8 * GIB, available: 4 * GIB })
  write('v1/box/memory.limit_in_bytes', GIB)
  write('v1/box/memory.usage_in_bytes', 0.75 * GIB)
  write('v1/box/memory.stat', `cache 5\ninactive_file 7\ntotal_inactive_file ${0.25 * GIB}`)
  expect(hostMemory(memory)).toEqual({ total: GIB, available: 0.5 * GIB })
})

test('a container sees its own group as the root of the mount', () => {
  write('v2/memory.max', GIB)
  write('v2/memory.current', 0)
  const mounts = v2Mount('/docker/abc')
  expect(hostMemory(host({ cgroup: '0::/docker/abc', mounts })).total).toBe(GIB)
  expect(hostMemory(host({ cgroup: '0::/', mounts })).total).toBe(GIB)
  // A sibling whose name only begins the same is not inside.
  expect(hostMemory(host({ cgroup: '0::/docker/abcdef', mounts })).total).toBe(GIB)
})

test('a group that uses more than its limit leaves nothing, not less than nothing', () => {
  write('v2/memory.max', GIB)
  write('v2/memory.current', 2 * GIB)
  expect(memoryBudget({}, host({ cgroup: '0::/', mounts: v2Mount() }))).toBe(0)
})

test('MAYFLY_MEMORY_BUDGET overrides, in MiB unless it has a unit', () => {
  expect(memoryBudget({ MAYFLY_MEMORY_BUDGET: '3GiB' }, host())).toBe(3 * GIB)
  expect(memoryBudget({ MAYFLY_MEMORY_BUDGET: ' 1536 ' }, host())).toBe(1536 * MIB)
})

test.each(['lots', '-1GiB', '0', '0GiB'])('MAYFLY_MEMORY_BUDGET=%s is refused', (value) => {
  expect(() => memoryBudget({ MAYFLY_MEMORY_BUDGET: value })).toThrow(
    expect.objectContaining({
      code: 'MAYFLY_OPTION_INVALID',
      message: expect.stringContaining('MAYFLY_MEMORY_BUDGET'),
    }),
  )
})

test('a guest larger than the host is refused with the figures, one that fits is not', () => {
  expect(() => assertMemoryFits(8 * GIB, {}, host())).not.toThrow()
  expect(() => assertMemoryFits(8 * GIB + 1, {}, host())).toThrow(
    expect.objectContaining({
      code: 'MAYFLY_HOST_MEMORY',
      details: ['host: 8.0 GiB in all, 4.0 GiB available'],
    }),
  )
  expect(() => assertMemoryFits(2 * GIB, { MAYFLY_MEMORY_BUDGET: '1GiB' }, host())).toThrow(
    /wants 2.0 GiB[\s\S]*at most 1.0 GiB[\s\S]*raise MAYFLY_MEMORY_BUDGET/,
  )
})

test('this host has memory, and no more than the kernel says', () => {
  const { total, available } = hostMemory()
  expect(available).toBeGreaterThan(0)
  expect(available).toBeLessThanOrEqual(total)
  expect(total).toBeLessThanOrEqual(totalmem())
})

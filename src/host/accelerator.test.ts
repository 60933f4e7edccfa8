import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AcceleratorHost, detectAccelerator } from './accelerator.js'

const scratch = mkdtempSync(join(tmpdir(), 'mayfly-accelerator-'))
const device = join(scratch, 'kvm')
const cpuinfo = (flags: string) => `processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: ${flags}\n\nprocessor\t: 1\n`
const file = (name: string, text: string) => {
  writeFileSync(join(scratch, name), text)
  return join(scratch, name)
}
let linux: AcceleratorHost

beforeAll(() => {
  writeFileSync(device, '')
  linux = { kvmPath: device, cpuinfoPath: file('intel', cpuinfo('fpu vmx sse')), platform: 'linux', arch: 'x64' }
})
afterAll(() => rmSync(scratch, { recursive: true }))

test('takes KVM where the device opens and the processor has vmx or svm', () => {
  expect(detectAccelerator({}, linux)).toMatchObject({ kind: 'kvm', timeoutScale: 1 })
  const cpuinfoPath = file('amd', cpuinfo('fpu svm sse'))
  expect(detectAccelerator({}, { ...linux, cpuinfoPath }).kind).toBe('kvm')
})

test('does not take KVM where the device opens but the processor cannot', () => {
  // `vmx_extra` and the like must not count as `vmx`.
  const cpuinfoPath = file('plain', cpuinfo('fpu vmx_extra svm_lock hypervisor'))
  const accelerator = detectAccelerator({}, { ...linux, cpuinfoPath })
  expect(accelerator).toMatchObject({ kind: 'tcg', reason: expect.stringContaining('neither vmx nor svm') })
  expect(accelerator.timeoutScale).toBeGreaterThan(1)
})

test('does not take KVM without its device', () => {
  const kvmPath = join(scratch, 'absent')
  const reason = `${kvmPath} does not exist`
  const fix = expect.stringContaining('--device /dev/kvm')
  expect(detectAccelerator({}, { ...linux, kvmPath })).toEqual({ kind: 'tcg', reason, fix, timeoutScale: 4 })
})

test('on arm64 the device alone decides, for its flags do not tell', () => {
  const arm = { ...linux, arch: 'arm64', cpuinfoPath: file('arm', 'processor : 0\nFeatures : fp asimd\n') }
  expect(detectAccelerator({}, arm).kind).toBe('kvm')
  expect(detectAccelerator({}, { ...arm, kvmPath: join(scratch, 'absent') }).kind).toBe('tcg')
})

test('macOS has hvf', () => {
  expect(detectAccelerator({}, { ...linux, platform: 'darwin' })).toMatchObject({ kind: 'hvf', timeoutScale: 1 })
})

test('MAYFLY_ACCEL overrides, even against the processor flags', () => {
  expect(detectAccelerator({ MAYFLY_ACCEL: 'tcg' }, linux).kind).toBe('tcg')
  const cpuinfoPath = file('hidden', cpuinfo('fpu'))
  const forced = detectAccelerator({ MAYFLY_ACCEL: 'kvm' }, { ...linux, cpuinfoPath })
  expect(forced).toMatchObject({ kind: 'kvm', reason: expect.stringContaining('although') })
  expect(detectAccelerator({ MAYFLY_ACCEL: '' }, linux).kind).toBe('kvm')
})

test('an unknown MAYFLY_ACCEL names the accepted values', () => {
  expect(() => detectAccelerator({ MAYFLY_ACCEL: 'KVM!' }, linux)).toThrow(
    expect.objectContaining({
      code: 'MAYFLY_OPTION_INVALID',
      message: expect.stringMatching(/"KVM!"[\s\S]*kvm, tcg, hvf/),
    }),
  )
})

test('asking for what the host has not says why and what to do', () => {
  const ask = (value: string, host: AcceleratorHost) => () => detectAccelerator({ MAYFLY_ACCEL: value }, host)
  expect(ask('kvm', { ...linux, kvmPath: join(scratch, 'absent') })).toThrow(
    /does not exist[\s\S]*nested virtualisation/,
  )
  expect(ask('kvm', { ...linux, kvmPath: scratch })).toThrow(/does not open \(EISDIR\)/)
  expect(ask('kvm', { ...linux, platform: 'darwin' })).toThrow(/KVM needs Linux/)
  expect(ask('hvf', linux)).toThrow(/not macOS/)
})

test('a device without permission names the group and the udev rule', () => {
  const kvmPath = join(scratch, 'forbidden')
  writeFileSync(kvmPath, '', { mode: 0o000 })
  asOrdinaryUser(() => {
    expect(detectAccelerator({}, { ...linux, kvmPath })).toMatchObject({
      kind: 'tcg',
      reason: `${kvmPath} may not be opened by this user (EACCES)`,
    })
    expect(() => detectAccelerator({ MAYFLY_ACCEL: 'kvm' }, { ...linux, kvmPath })).toThrow(
      /usermod -aG kvm[\s\S]*udev/,
    )
  })
})

test.runIf(process.platform === 'linux')('the answer for this very host agrees with its processor', () => {
  const capable = process.arch !== 'x64' || /^flags.* (vmx|svm)( |$)/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
  const { kind, reason } = detectAccelerator({})
  if (!capable) expect(kind, reason).toBe('tcg')
  else expect(reason).toMatch(/\/dev\/kvm/)
})

// Root may open anything, so the check runs with another effective user.
function asOrdinaryUser(check: () => void): void {
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65534)
  try {
    check()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

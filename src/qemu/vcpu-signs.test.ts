import { expect, test } from 'vitest'
import { vcpuSigns } from './vcpu-signs.js'

test('processors of x86-64 that run a program, are idle, and were stopped for good', () => {
  const signs = vcpuSigns(`
CPU#0
RAX=0000000000000000 RBX=0000000000000000
RIP=00007f3c9a8b1234 RFL=00000246 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0
CR0=80050033 CR2=00007f3c CR3=0000000102a4c006 CR4=00750ef0

CPU#1
RIP=ffffffff81c0ffee RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
CR0=80050033 CR2=00007f3c CR3=000000000280a000 CR4=00750ef0

CPU#2
RIP=ffffffff81c0ffee RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
CR0=80050033 CR2=00007f3c CR3=000000000280a000 CR4=00750ef0
`)
  expect(signs).toEqual([
    { program: true, idle: false, idleIsKnown: true, addressSpace: '0000000102a4c006' },
    { program: false, idle: true, idleIsKnown: true, addressSpace: '000000000280a000' },
    { program: false, idle: false, idleIsKnown: true, addressSpace: '000000000280a000' },
  ])
})

test('processors of aarch64', () => {
  const signs = vcpuSigns(
    'CPU#0\n PC=ffff800010b X00=0\nPSTATE=60000005 -ZC- EL1h  FPU disabled\n\nCPU#1\n PC=0000aaaa X00=0\nPSTATE=80000000 N--- EL0t  FPU\n',
  )
  expect(signs.map(({ program, idleIsKnown }) => [program, idleIsKnown])).toEqual([
    [false, false],
    [true, false],
  ])
})

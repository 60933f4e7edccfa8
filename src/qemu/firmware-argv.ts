/** UEFI: its code, and the flash in which it keeps its variables. Raw files. */
export interface Uefi {
  code: string
  /** The machine's own: it is written to. */
  vars: string
}

/** Names of the flash's block nodes. */
const FLASH = { code: 'flash0', vars: 'flash1' } as const

/** What the machine type is told of its flash; what it has without being told is BIOS. */
export function flashOptions(firmware: 'bios' | Uefi | undefined): string {
  return typeof firmware === 'object' ? `,pflash0=${FLASH.code},pflash1=${FLASH.vars}` : ''
}

/** The flash's contents. */
export function flashArgv(firmware: 'bios' | Uefi | undefined): string[] {
  if (typeof firmware !== 'object') return []
  return [
    ...['-blockdev', rawFile(FLASH.code, firmware.code, true)],
    ...['-blockdev', rawFile(FLASH.vars, firmware.vars, false)],
  ]
}

/** A block node of what lies in a file as it is. */
export function rawFile(node: string, path: string, readOnly: boolean): string {
  return JSON.stringify({
    'node-name': node,
    driver: 'raw',
    'read-only': readOnly,
    file: { driver: 'file', filename: path, 'read-only': readOnly },
  })
}

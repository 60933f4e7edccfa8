/** Enough to tell, and the whole fixed part of a qcow2's header. */
export const HEAD_BYTES = 512

/** How files begin that QEMU would take for something else than a raw disk, as its drivers' probes have it. */
const MAGICS: readonly { format: string; magic: string; at?: number }[] = [
  { format: 'vmdk', magic: 'KDMV' },
  { format: 'vmdk', magic: 'COWD' },
  { format: 'vdi', magic: '\x7f\x10\xda\xbe', at: 0x40 },
  { format: 'vhdx', magic: 'vhdxfile' },
  { format: 'vpc', magic: 'conectix' },
  { format: 'qed', magic: 'QED\0' },
  { format: 'luks', magic: 'LUKS\xba\xbe' },
  { format: 'parallels', magic: 'WithoutFreeSpace' },
  { format: 'parallels', magic: 'WithouFreSpacExt' },
  { format: 'bochs', magic: 'Bochs Virtual HD Image' },
  { format: 'cloop', magic: '#!/bin/sh\n#V2.0 Format\nmodprobe cloop' },
]

/** The format of a disk by how it begins: `raw` if it begins like no other. */
export function formatOfHead(head: Buffer): string {
  const text = head.toString('latin1')
  if (text.startsWith('QFI\xfb')) return head.length >= 104 && head.readUInt32BE(4) >= 2 ? 'qcow2' : 'qcow'
  // A descriptor in text, which names the files that hold the data.
  if (/^(?:#[^\n]*\r?\n|[ \t]*\r?\n)*version=[123]/.test(text) || text.startsWith('# Disk DescriptorFile'))
    return 'vmdk'
  return MAGICS.find(({ magic, at = 0 }) => text.startsWith(magic, at))?.format ?? 'raw'
}

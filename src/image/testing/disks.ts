import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'

export interface Disks extends AsyncDisposable {
  directory: string
  /** Makes a disk with qemu-img, of 1 MiB, with these of its options; its path. */
  make(name: string, ...args: string[]): Promise<string>
}

/** A directory with disks of a test. */
export async function makeDisks(): Promise<Disks> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-disks-'))
  return {
    directory,
    async make(name, ...args) {
      await execa('qemu-img', ['create', '-q', '-f', 'qcow2', ...args, name, '1M'], { cwd: directory })
      return join(directory, name)
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

/** A whole qcow2; two with the same `id` are the same. */
export async function qcow2Bytes(disks: Disks, id = 1): Promise<Buffer> {
  const bytes = await readFile(await disks.make(`whole-${id}.qcow2`))
  // In the padding of its header, where nobody looks.
  bytes.writeUInt32BE(id, 4096)
  return bytes
}

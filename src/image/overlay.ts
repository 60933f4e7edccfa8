import { z } from 'zod'
import { MayflyError } from '../errors.js'
import { createPrivateFile } from '../host/private-file.js'
import { runTool } from '../host/run-tool.js'
import { findTool } from '../host/tools.js'

export interface OverlayOptions {
  /** Virtual size in bytes; at least the backing image's. */
  sizeBytes: number
  /** What it is stacked on. The file need not exist yet: `qemu/argv.ts` names the chain again. */
  backing?: { path: string; format: 'qcow2' | 'raw' } | undefined
}

/**
 * Makes an empty qcow2 layer, about 200 KiB.
 * @throws MayflyError MAYFLY_BUILD_FAILED with qemu-img's own words.
 */
export async function createOverlay(path: string, { sizeBytes, backing }: OverlayOptions): Promise<void> {
  // What a guest writes is for its user's eyes alone, whatever the umask is.
  await createPrivateFile(path)
  const stack = backing ? ['-u', '-b', backing.path, '-F', backing.format] : []
  await qemuImg(['create', '-q', '-f', 'qcow2', ...stack, path, `${sizeBytes}`])
}

export interface DiskInfo {
  format: string
  virtualSizeBytes: number
  encrypted: boolean
  /** Files that it reads besides itself. */
  others: string[]
}

/**
 * What a disk image says of itself.
 * @param format what it is known to be. Default: what its bytes look like to QEMU.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND when there is none, MAYFLY_IMAGE_CORRUPT when qemu-img cannot make sense of it.
 */
export async function inspectDisk(path: string, format?: string): Promise<DiskInfo> {
  try {
    const as = format === undefined ? [] : ['-f', format]
    const info = infoSchema.parse(JSON.parse(await qemuImg(['info', '--force-share', ...as, '--output=json', path])))
    const { 'data-file': data, extents = [] } = info['format-specific']?.data ?? {}
    const others = [info['backing-filename'], data, ...extents.map(({ filename }) => filename)]
    return {
      format: info.format,
      virtualSizeBytes: info['virtual-size'],
      encrypted: info.encrypted || info.format === 'luks',
      others: others.filter((name) => name !== undefined && name !== path) as string[],
    }
  } catch (error) {
    if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_BUILD_FAILED') throw error
    throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `not a usable disk image: ${path}`, { details: error.details })
  }
}

/** As much of ImageInfo as is used: qemu/qapi/block-core.json. */
const infoSchema = z.object({
  format: z.string(),
  'virtual-size': z.number(),
  encrypted: z.boolean().default(false),
  'backing-filename': z.string().optional(),
  'format-specific': z
    .object({
      data: z.object({
        'data-file': z.string().optional(),
        extents: z.array(z.object({ filename: z.string() })).optional(),
      }),
    })
    .optional(),
})

/** Exit statuses of `qemu-img check`. Clusters that are taken and not used only cost space. */
const CHECKED = { sound: 0, leaks: 3, unsupported: 63 }

/** What is wrong with a disk by `qemu-img check`, in a clause for people; undefined if nothing is, or for a format that it does not check. */
export async function checkDisk(path: string, format: string): Promise<string | undefined> {
  const { stdout, stderr, exitCode } = await runQemuImg(['check', '--force-share', '-f', format, path])
  if (Object.values(CHECKED).includes(exitCode ?? -1)) return undefined
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '')
  const told =
    lines.find((line) => /errors? (?:was|were) found|ERROR|corrupt|end of (?:the )?file/i.test(line)) ?? lines.at(-1)
  return `qemu-img check: ${told ?? `exit status ${exitCode}`}`
}

/**
 * Makes one qcow2 of a disk and of the files that it reads.
 * @throws MayflyError MAYFLY_IMAGE_CORRUPT, MAYFLY_BUILD_FAILED with qemu-img's own words.
 */
export async function convertDisk(from: string, to: string): Promise<void> {
  const { format, encrypted } = await inspectDisk(from)
  if (encrypted) throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `the disk ${from} is encrypted`)
  const damage = format === 'raw' ? undefined : await checkDisk(from, format)
  if (damage !== undefined) {
    throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `the disk ${from} is damaged`, { details: [damage] })
  }
  await qemuImg(['convert', '-f', format, '-O', 'qcow2', from, to])
}

/** Runs qemu-img. @throws MayflyError MAYFLY_BUILD_FAILED with its own words. */
export async function qemuImg(args: string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await runQemuImg(args)
  if (exitCode === 0) return stdout
  throw new MayflyError('MAYFLY_BUILD_FAILED', `qemu-img ${args[0]} failed`, { details: stderr.split('\n') })
}

async function runQemuImg(args: string[]): Promise<{ stdout: string; stderr: string; exitCode: number | undefined }> {
  const { stdout, stderr, exitCode } = await runTool(await findTool('qemu-img'), args, { env: { LC_ALL: 'C' } })
  return { stdout: stdout.toString(), stderr, exitCode }
}

import { MayflyError } from '../errors.js'
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
  const stack = backing ? ['-u', '-b', backing.path, '-F', backing.format] : []
  await qemuImg(['create', '-q', '-f', 'qcow2', ...stack, path, `${sizeBytes}`])
}

export interface DiskInfo {
  format: string
  virtualSizeBytes: number
}

/**
 * What a disk image says of itself.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND when there is none, MAYFLY_IMAGE_CORRUPT when qemu-img cannot make sense of it.
 */
export async function inspectDisk(path: string): Promise<DiskInfo> {
  try {
    const info = JSON.parse(await qemuImg(['info', '--force-share', '--output=json', path])) as Record<string, unknown>
    return { format: String(info.format), virtualSizeBytes: Number(info['virtual-size']) }
  } catch (error) {
    if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_BUILD_FAILED') throw error
    throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `not a usable disk image: ${path}`, { details: error.details })
  }
}

/**
 * Makes one qcow2 of a disk and of the files that it reads.
 * @throws MayflyError MAYFLY_IMAGE_CORRUPT, MAYFLY_BUILD_FAILED with qemu-img's own words.
 */
export async function convertDisk(from: string, to: string): Promise<void> {
  const { format } = await inspectDisk(from)
  await qemuImg(['convert', '-f', format, '-O', 'qcow2', from, to])
}

/** Runs qemu-img. @throws MayflyError MAYFLY_BUILD_FAILED with its own words. */
export async function qemuImg(args: string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await runTool(await findTool('qemu-img'), args)
  if (exitCode === 0) return stdout.toString()
  throw new MayflyError('MAYFLY_BUILD_FAILED', `qemu-img ${args[0]} failed`, { details: stderr.split('\n') })
}

import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { followFile } from '../machines/follow-file.js'
import { bytesOf } from '../machines/last-lines.js'
import { PROVISION_LOG } from '../machines/provision.js'
import { FILES } from '../snapshot/machine.js'
import type { ActionContext } from './action.js'
import { ShownStream } from './shown-stream.js'
import { writerOf } from './streams.js'
import { style } from './style.js'
import { targetNamed } from './target.js'

export interface LogOptions {
  console?: boolean
  provision?: boolean
  /** Lines; 0 is all of them. */
  tail?: number
  follow?: boolean
  /** The bytes as they are, whatever they do to a terminal. */
  raw?: boolean
}

/** `mayfly log` */
export async function log({ cacheDir, signal }: ActionContext, options: LogOptions, [name]: string[]): Promise<number> {
  const { machine, vm } = await targetNamed(name, cacheDir)
  const { directory } = machine ?? vm
  const both = Boolean(options.console) === Boolean(options.provision)
  const paths = [
    ...(both || options.console ? [FILES.console] : []),
    ...(both || options.provision ? [PROVISION_LOG] : []),
  ].map((file) => join(directory, file))
  const show = showing(paths.length > 1, options.raw ?? false)
  const sizes = await Promise.all(paths.map(sizeOf))
  for (const [index, path] of paths.entries())
    for await (const bytes of bytesOf(path, sizes[index]!, options.tail || undefined)) await show(path, bytes)
  if (options.follow)
    await Promise.all(
      paths.map(async (path, index) => {
        for await (const chunk of followFile(path, { from: sizes[index], signal })) await show(path, chunk as Buffer)
      }),
    )
  for (const path of paths) await show(path)
  return 0
}

/** A writer that says whose output comes, when there are several and it is another's than before. */
function showing(several: boolean, raw: boolean): (path: string, bytes?: Buffer) => Promise<void> {
  const write = writerOf(process.stdout)
  const streams = new Map<string, ShownStream>()
  let last: string | undefined
  // Without bytes: there are no more.
  return async (path, bytes) => {
    const stream = streams.get(path) ?? new ShownStream(process.stdout.isTTY)
    streams.set(path, stream)
    const text = raw ? bytes : bytes ? stream.push(bytes) : stream.end()
    if (!text || text.length === 0) return
    if (several && last !== path)
      await write(`${last === undefined ? '' : '\n'}${style('bold', `==> ${basename(path)} <==`)}\n`)
    last = path
    await write(text)
  }
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}

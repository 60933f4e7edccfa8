import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { followFile } from '../machines/follow-file.js'
import { lastLines } from '../machines/last-lines.js'
import { PROVISION_LOG } from '../machines/provision.js'
import { FILES } from '../snapshot/machine.js'
import type { ActionContext } from './action.js'
import { writerOf } from './streams.js'
import { style } from './style.js'
import { targetNamed } from './target.js'

export interface LogOptions {
  console?: boolean
  provision?: boolean
  /** Lines; 0 is all of them. */
  tail?: number
  follow?: boolean
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
  const show = showing(paths.length > 1)
  const sizes = await Promise.all(paths.map(sizeOf))
  for (const path of paths) await show(path, await lastLines(path, options.tail || undefined))
  if (!options.follow) return 0
  await Promise.all(
    paths.map(async (path, index) => {
      for await (const chunk of followFile(path, { from: sizes[index], signal })) await show(path, chunk as Buffer)
    }),
  )
  return 0
}

/** A writer that says whose output comes, when there are several and it is another's than before. */
function showing(several: boolean): (path: string, text: string | Buffer) => Promise<void> {
  const write = writerOf(process.stdout)
  let last: string | undefined
  return async (path, text) => {
    if (text.length === 0) return
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

import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { defineGuest } from '../../guest/spec.js'
import { silent } from '../../host/progress.js'
import { closeSession, currentSession } from '../../session/session.js'
import { resolveImage } from '../resolve.js'
import { openStore } from '../store.js'

/** A cache directory for one test, with the micro image in it and no template; `name` is its last path component. */
export async function privateCache(name = 'cache'): Promise<string> {
  const shared = await openStore()
  const workshop = await currentSession(shared)
  const { dir } = await resolveImage(defineGuest('micro').image, { store: shared, workshop, progress: silent })
  const parent = await mkdtemp(join(tmpdir(), 'mayfly-cache-'))
  const root = join(parent, name)
  onTestFinished(async () => {
    await closeSession(root)
    await rm(parent, { recursive: true, force: true })
  })
  const images = join(root, 'images')
  await mkdir(images, { recursive: true })
  await cp(dir, join(images, dir.split('/').at(-1)!), { recursive: true })
  return root
}

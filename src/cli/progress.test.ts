import { expect, test } from 'vitest'
import type { Progress } from '../host/progress.js'
import { delayed, type RecordedStep, recorded } from './progress.js'

const collecting = () => {
  const seen: string[] = []
  const progress: Progress = {
    async step(title, work) {
      seen.push(`start ${title}`)
      const result = await work((line) => seen.push(line))
      seen.push(`end ${title}`)
      return result
    },
    cached: (title) => seen.push(`cached ${title}`),
    note: (line) => seen.push(line),
  }
  return { seen, progress }
}

test('a step that ends soon is not shown, and its result and failure are passed on', async () => {
  const { seen, progress } = collecting()
  const patient = delayed(progress, 10_000)
  expect(await patient.step('quick', async () => 7)).toBe(7)
  await expect(patient.step('broken', async () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(seen).toEqual([])
})

test('a longer one is shown from then on, with the lines it logs afterwards', async () => {
  const { seen, progress } = collecting()
  let show = () => {}
  const shown = new Promise<void>((resolve) => {
    show = resolve
  })
  const impatient = delayed(
    {
      ...progress,
      step: (title, work) => {
        show()
        return progress.step(title, work)
      },
    },
    1,
  )
  const result = impatient.step('slow', async (log) => {
    log('too early')
    await shown
    log('late')
    return 'done'
  })
  expect(await result).toBe('done')
  expect(seen).toEqual(['start slow', 'late', 'end slow'])
})

test('steps are kept with what they took', async () => {
  const steps: RecordedStep[] = []
  const progress = recorded(collecting().progress, steps)
  progress.cached('image micro')
  await progress.step('boot micro', async () => {})
  expect(steps).toEqual([
    { title: 'image micro', cached: true, ms: 0 },
    { title: 'boot micro', cached: false, ms: expect.any(Number) },
  ])
})

import { expect, test } from 'vitest'
import { MayflyError } from '../errors.js'
import { InFlight } from './in-flight.js'
import { Turns } from './turns.js'

test('turns do not overlap, and a failed one does not stop the next', async () => {
  const turns = new Turns()
  const seen: string[] = []
  const turn = (name: string) =>
    turns.take(async () => {
      seen.push(`${name} begins`)
      await new Promise(setImmediate)
      seen.push(`${name} ends`)
      if (name === 'first') throw new Error(name)
    })
  const [first] = await Promise.allSettled([turn('first'), turn('second')])
  expect(first.status).toBe('rejected')
  expect(seen).toEqual(['first begins', 'first ends', 'second begins', 'second ends'])
})

test('idle also waits for turns that are taken meanwhile', async () => {
  const turns = new Turns()
  let later: Promise<string> | undefined
  void turns.take(async () => {
    later = turns.take(async () => 'late')
  })
  await turns.idle()
  await expect(Promise.race([later, Promise.resolve('not yet')])).resolves.toBe('late')
})

test('what is in flight ends with the reason and what it was; what has settled does not', async () => {
  const inFlight = new InFlight()
  await expect(inFlight.run('quick', Promise.resolve(1))).resolves.toBe(1)
  const endless = inFlight.run('exec sleep', new Promise(() => {}))
  const refused = expect(endless).rejects.toMatchObject({
    code: 'MAYFLY_VM_RESTORED',
    details: ['in flight: exec sleep'],
  })
  inFlight.end(new MayflyError('MAYFLY_VM_RESTORED', 'restored'))
  await refused
  await expect(inFlight.run('late', new Promise(() => {}))).rejects.toMatchObject({ details: ['in flight: late'] })
  expect(() => inFlight.throwIfEnded()).toThrow('restored')
})

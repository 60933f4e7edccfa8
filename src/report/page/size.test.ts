import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Entry } from '../model.js'
import { type ReportBrowser, startBrowser } from './testing/browser.js'
import { largeReport } from './testing/large-report.js'
import { machine, smallReport } from './testing/small-report.js'

let browser: ReportBrowser

beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser[Symbol.asyncDispose]())

test('a thousand tests are there at once, and are searched as one types', async () => {
  const { page } = await browser.open(largeReport(1000))
  const loadedMs = await page.evaluate(() => performance.timing.loadEventEnd - performance.timing.navigationStart)
  expect(loadedMs).toBeLessThan(2000)
  expect(await page.locator('nav .list-row').count()).toBe(1000)
  expect(await page.locator('nav .group h3').first().textContent()).toBe('Failed')

  const search = (query: string) =>
    page.evaluate((text) => {
      const input = document.querySelector<HTMLInputElement>('#search')!
      const started = performance.now()
      input.value = text
      input.dispatchEvent(new Event('input'))
      // The layout belongs to it.
      const height = document.querySelector('nav')!.scrollHeight
      const ms = performance.now() - started
      return {
        ms,
        height,
        shown: [...document.querySelectorAll<HTMLElement>('nav li')].filter((row) => !row.hidden).length,
      }
    }, query)
  // Into the output of the commands of one test; the first search of all reads everything.
  await search('warm up')
  const found = await search('"select * from ledger where id = 24212\'"')
  expect(found.shown).toBe(1)
  const times = [found.ms]
  for (const query of ['wrote page 5', 'shard 3', 'there is nothing of the kind', ''])
    times.push((await search(query)).ms)
  // Other work of this host may come between: the median tells of the page.
  expect(times.sort((a, b) => a - b)[2]).toBeLessThan(200)
})

test('a test of very many steps shows the first ones, and the others on request', async () => {
  const entries = Array.from({ length: 5000 }, (_, at): Entry => ({ kind: 'note', at, title: `step ${at}` }))
  const { page } = await browser.open(smallReport({ details: { machines: [machine('vm', entries)] } }), {
    hash: '#test=c',
  })
  expect(await page.locator('.entry').count()).toBe(400)
  await page.getByRole('button', { name: 'Show the other 4,600 steps' }).click()
  expect(await page.locator('.entry').count()).toBe(5000)
  expect(await page.locator('.more').isVisible()).toBe(false)
})

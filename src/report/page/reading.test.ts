import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ReportBrowser, startBrowser } from './testing/browser.js'
import { command, machine, smallReport } from './testing/small-report.js'

let browser: ReportBrowser

beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser[Symbol.asyncDispose]())

test('the first screen counts, and shows failures before all else', async () => {
  const { page, complaints } = await browser.open(smallReport())
  expect(await page.locator('main h2').textContent()).toBe('1 of 4 tests failed')
  expect(await page.locator('nav .list-row .name').allTextContents()).toEqual([
    'sends a bill',
    'lists its goods',
    'takes an order',
    'is translated',
  ])
  expect(await page.locator('main .card').first().textContent()).toContain('expected 502 to be 200')
  expect(complaints).toEqual([])
})

test('a run in which all passed says so', async () => {
  const { page } = await browser.open(smallReport({ row: { state: 'passed' } }))
  expect(await page.locator('main h2').textContent()).toBe('3 tests passed')
})

test('the search looks into names, errors, commands, output and consoles, and shows where', async () => {
  const { page } = await browser.open(smallReport())
  const search = async (query: string) => {
    await page.fill('#search', query)
    return await page.locator('nav .list-row:visible .name').allTextContents()
  }
  expect(await search('ORDER')).toEqual(['takes an order'])
  expect(await search('expected 502')).toEqual(['sends a bill'])
  expect(await search('quinces')).toEqual(['lists its goods'])
  expect(await page.locator('.excerpt:visible').textContent()).toBe('quinces')
  expect(await search('/var/lib goods')).toEqual(['lists its goods'])
  expect(await search('"17 is in"')).toEqual(['takes an order'])
  expect(await search('"is 17 in"')).toEqual([])
  expect(await page.locator('.none').isVisible()).toBe(true)
  expect(await page.locator('.found').textContent()).toBe('0 tests of 4')
  expect(await search('')).toHaveLength(4)
})

test('a step that holds what was searched for is open, and marked', async () => {
  const { page } = await browser.open(smallReport())
  await page.fill('#search', 'quinces')
  await page.keyboard.press('Enter')
  await page.locator('#test-name').waitFor()
  expect(await page.locator('.entry details[open] .terminal').textContent()).toContain('quinces')
  const marked = await page.evaluate(() => {
    const found = [...((CSS as unknown as { highlights: Map<string, Set<Range>> }).highlights.get('found') ?? [])]
    return found.map(String)
  })
  expect(marked).toContain('quinces')
})

test('all can be done with the keyboard', async () => {
  const { page } = await browser.open(smallReport())
  const focused = () => page.evaluate(() => document.activeElement?.querySelector('.name')?.textContent)
  await page.keyboard.press('j')
  expect(await focused()).toBe('sends a bill')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('j')
  await page.keyboard.press('k')
  expect(await focused()).toBe('lists its goods')
  await page.keyboard.press('Enter')
  expect(await page.locator('#test-name').textContent()).toBe('lists its goods')
  expect(new URL(page.url()).hash).toBe('#test=a')
  expect(await page.locator('.entry details[open]').count()).toBe(0)
  await page.keyboard.press('e')
  expect(await page.locator('.entry details[open]').count()).toBe(1)
  await page.keyboard.press('Escape')
  expect(await page.locator('main h2').textContent()).toBe('1 of 4 tests failed')
  expect(await focused()).toBe('lists its goods')
  await page.keyboard.press('f')
  expect(await page.locator('nav .list-row:visible').count()).toBe(1)
  await page.keyboard.press('f')
  await page.keyboard.press('/')
  await page.keyboard.type('bill')
  expect(await page.locator('nav .list-row:visible').count()).toBe(1)
  await page.keyboard.press('Escape')
  expect(await page.locator('nav .list-row:visible').count()).toBe(4)
  await page.keyboard.press('?')
  expect(await page.locator('dialog').isVisible()).toBe(true)
  await page.keyboard.press('Escape')
  expect(await page.locator('dialog').isVisible()).toBe(false)
})

test('on a narrow screen a test begins at its top, and Esc leads back to its row', async () => {
  const steps = Array.from({ length: 60 }, (_, index) => command(`step ${index}`, ''))
  const { page } = await browser.open(smallReport({ details: { machines: [machine('vm', steps)] } }), {
    viewport: { width: 390, height: 400 },
  })
  await page.locator('nav .list-row', { hasText: 'sends a bill' }).click()
  expect(await page.locator('#test-name').evaluate((name) => name.getBoundingClientRect().top)).toBeGreaterThan(0)
  expect(await page.evaluate(() => scrollY)).toBe(0)
  await page.keyboard.press('Escape')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('sends a bill')
  expect(await page.locator('nav .list-row', { hasText: 'sends a bill' }).boundingBox()).toMatchObject({
    y: expect.toSatisfy((y: number) => y >= 0 && y < 400),
  })
  expect(new URL(page.url()).hash).toBe('')
})

test('on a narrow screen a search brings its results, and j the next test', async () => {
  const { page } = await browser.open(smallReport(), { viewport: { width: 390, height: 500 } })
  const heading = page.locator('main h2')
  const row = page.locator('nav .list-row:visible')
  await page.keyboard.press('/')
  await page.keyboard.type('quinces')
  expect(await row.textContent()).toContain('lists its goods')
  expect((await row.boundingBox())!.y).toBeLessThan((await heading.boundingBox())!.y)
  await page.keyboard.press('Enter')
  expect(await page.locator('#test-name').textContent()).toBe('lists its goods')
  expect(await row.count()).toBe(0)
  await page.locator('input').fill('')
  expect(await row.count()).toBe(4)
  await row.first().click()
  expect(await page.locator('#test-name').textContent()).toBe('sends a bill')
  await page.keyboard.press('j')
  await page.locator('#test-name', { hasText: 'lists its goods' }).waitFor()
})

test('a link opens its test; one to a test that is not there opens the run', async () => {
  const linked = await browser.open(smallReport(), { hash: '#test=c' })
  expect(await linked.page.locator('#test-name').textContent()).toBe('sends a bill')
  expect(await linked.page.locator('nav [aria-current]').textContent()).toContain('sends a bill')
  const lost = await browser.open(smallReport(), { hash: '#test=gone' })
  expect(await lost.page.locator('main h2').textContent()).toBe('1 of 4 tests failed')
})

test('machines have a lane each on one axis, and a bar leads to its step', async () => {
  const shop = machine('shop', [command('one', ''), command('two', 'later\n', { at: 500, durationMs: 100 })])
  const bank = machine('bank', [command('meanwhile', 'yes\n', { at: 250, durationMs: 250 })])
  const { page } = await browser.open(smallReport({ details: { machines: [shop, bank] } }), { hash: '#test=c' })
  expect(await page.locator('.label').allTextContents()).toEqual(['shop', 'bank'])
  expect(await page.locator('.entry .title').allTextContents()).toEqual(['one', 'meanwhile', 'two'])
  const [meanwhile, later] = [page.locator('.bar[title*=meanwhile]'), page.locator('.bar[title*=two]')]
  const [left, right] = [(await meanwhile.boundingBox())!, (await later.boundingBox())!]
  expect(Math.abs(left.x + left.width - right.x)).toBeLessThan(2)
  await later.click()
  expect(await page.locator('.entry details[open] .terminal').allTextContents()).toEqual(['later'])
  await page.getByRole('button', { name: 'Zoom in' }).click()
  expect((await meanwhile.boundingBox())!.width).toBeGreaterThan(left.width * 1.9)
})

test('the axis cuts no words off', async () => {
  const entries = [command('one', '', { durationMs: 500 })]
  const report = smallReport({ row: { durationMs: 513 }, details: { machines: [machine('vm', entries)] } })
  const { page } = await browser.open(report, { hash: '#test=c' })
  const sticksOut = await page.locator('.tick').evaluateAll((ticks) =>
    ticks.filter((tick) => {
      const words = document.createRange()
      words.selectNodeContents(tick)
      return words.getBoundingClientRect().right > tick.parentElement!.getBoundingClientRect().right
    }),
  )
  expect(sticksOut).toEqual([])
  expect(await page.locator('.tick').count()).toBeGreaterThan(3)
})

test('kinds of steps can be left out', async () => {
  const entries = [command('one', ''), { kind: 'console' as const, at: 20, title: 'booting\n' }]
  const { page } = await browser.open(smallReport({ details: { machines: [machine('vm', entries)] } }), {
    hash: '#test=c',
  })
  await page.getByRole('button', { name: 'console 1' }).click()
  expect(await page.locator('.entry:visible .title').allTextContents()).toEqual(['one'])
})

test('colours of a terminal are kept, its other sequences are not', async () => {
  const entries = [command('ls', '\u001b[1;31mred\u001b[0m plain\u001b[2K\u001b]0;title\u0007\n')]
  const details = { machines: [machine('vm', entries)] }
  const { page } = await browser.open(smallReport({ details }), { hash: '#test=c' })
  await page.keyboard.press('e')
  expect(await page.locator('.entry .terminal').textContent()).toBe('red plain')
  expect(await page.locator('.entry .terminal .ink-red.strong').textContent()).toBe('red')
})

test('light and dark follow the system, until somebody chooses', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page } = await browser.open(smallReport(), { colorScheme })
    const brightness = () =>
      page.evaluate(() => Number(/\d+/.exec(getComputedStyle(document.body).backgroundColor)?.[0]))
    expect(await brightness())[colorScheme === 'light' ? 'toBeGreaterThan' : 'toBeLessThan'](128)
    await page.keyboard.press('t')
    expect(await brightness())[colorScheme === 'light' ? 'toBeLessThan' : 'toBeGreaterThan'](128)
    await page.reload()
    expect(await brightness())[colorScheme === 'light' ? 'toBeLessThan' : 'toBeGreaterThan'](128)
  }
})

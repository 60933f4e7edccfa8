import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ReportBrowser, startBrowser } from './testing/browser.js'
import { command, machine, smallReport } from './testing/small-report.js'

let browser: ReportBrowser

beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser[Symbol.asyncDispose]())

const findings = [
  { kind: 'oom-kill', severity: 'warning' as const, line: 'Out of memory: Killed process 312 (stress)' },
]
const evidence = { directory: '/srv/evidence', href: 'evidence/', commands: ['mayfly open evidence'] }
const report = smallReport({
  row: { findings, evidence, harnessRetries: 1, project: 'guest' },
  details: {
    machines: [
      machine('a-machine-with-a-long-name', [
        command('false', '\u001b[31mred\u001b[32mgreen\u001b[33myellow\u001b[34mblue\u001b[0m\n', {
          result: 'exit code 1',
        }),
        command(`curl ${'x'.repeat(300)}`, 'late\n', { failed: true, result: 'it took too long' }),
      ]),
      machine('bank', [{ kind: 'console', at: 0, title: 'booting\n' }]),
    ],
    errors: [
      {
        name: 'Error',
        message: `no answer from ${'y'.repeat(200)}`,
        frames: [{ file: 'shop.test.ts', line: 2, column: 1, method: '' }],
        source: { file: 'shop.test.ts', line: 2, first: 1, lines: ['one', `two ${'z'.repeat(300)}`, 'three'] },
      },
    ],
    notes: ['a remark'],
  },
})

/** Texts with too little contrast to what is behind them: below 4.5, as WCAG AA has it. */
function paleTexts(): string[] {
  const parse = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number)
  const luminance = (color: number[]) => {
    const [r = 0, g = 0, b = 0] = color.slice(0, 3).map((value) => {
      const part = value / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (element: Element | null): number[] => {
    if (!element) return [255, 255, 255]
    const color = parse(getComputedStyle(element).backgroundColor)
    return color.length === 3 || color[3] === 1 ? color : behind(element.parentElement)
  }
  const pale: string[] = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement!
    if (!node.textContent?.trim() || !element.checkVisibility() || element.closest('script, style')) continue
    const [one, other] = [parse(getComputedStyle(element).color), behind(element)].map(luminance).sort((a, b) => b - a)
    const contrast = (one! + 0.05) / (other! + 0.05)
    if (contrast < 4.5) pale.push(`${element.className || element.tagName}: ${node.textContent} ${contrast.toFixed(2)}`)
  }
  return pale
}

test.each(['light', 'dark'] as const)('all text can be read when it is %s', async (colorScheme) => {
  const { page } = await browser.open(report, { colorScheme })
  expect(await page.evaluate(paleTexts)).toEqual([])
  await page.evaluate(() => {
    location.hash = '#test=c'
  })
  await page.locator('#test-name').waitFor()
  await page.keyboard.press('e')
  expect(await page.evaluate(paleTexts)).toEqual([])
})

test.each([360, 1600])('nothing sticks out of a window of %i pixels', async (width) => {
  for (const hash of ['', '#test=c']) {
    const { page } = await browser.open(report, { hash, viewport: { width, height: 900 } })
    const sticksOut = await page.evaluate(() => {
      const { clientWidth } = document.documentElement
      const scrolls = (element: Element | null): boolean =>
        element !== null &&
        (/auto|scroll|hidden/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement))
      return [...document.querySelectorAll('body *')]
        .filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > clientWidth + 1)
        .filter((element) => !scrolls(element.parentElement))
        .map((element) => element.className || element.tagName)
    })
    expect(sticksOut).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
  }
})

test('parts have names and roles for those who hear the page', async () => {
  const { page } = await browser.open(report, { hash: '#test=c' })
  for (const role of ['banner', 'navigation', 'main', 'searchbox', 'article'] as const) {
    expect(await page.getByRole(role).count(), role).toBe(1)
  }
  expect(await page.getByRole('article', { name: 'sends a bill' }).count()).toBe(1)
  expect(await page.getByRole('link', { name: /^failed .*sends a bill/ }).count()).toBe(1)
  const nameless = await page
    .locator('button, a, input, img')
    .evaluateAll((all) =>
      all
        .filter((one) => !(one.textContent || one.getAttribute('aria-label') || one.getAttribute('alt')))
        .map((one) => one.outerHTML),
    )
  expect(nameless).toEqual([])
})

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Report } from '../model.js'
import { embeddedJson, renderPage } from '../render-page.js'
import { type ReportBrowser, startBrowser } from './testing/browser.js'
import { command, machine, smallReport } from './testing/small-report.js'

const HOSTILE = [
  '</script><img src=x onerror=alert(1)>',
  '<!--<script>',
  '"><svg onload=alert(2)>',
  '\u2028\u2029\u0000\ufeff',
  "javascript:alert(3)//'`$" + '{alert(4)}',
].join(' ')

let browser: ReportBrowser

beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser[Symbol.asyncDispose]())

/** Everything that a guest or a test can say, said by one that means harm. */
function hostileReport(): Report {
  const findings = [{ kind: HOSTILE, severity: 'error' as const, line: HOSTILE }]
  const evidence = { directory: `/tmp/${HOSTILE}`, href: encodeURIComponent(HOSTILE), commands: [HOSTILE] }
  const row = {
    name: HOSTILE,
    suites: [HOSTILE],
    file: HOSTILE,
    project: HOSTILE,
    message: HOSTILE,
    findings,
    evidence,
  }
  const error = { name: HOSTILE, message: HOSTILE, diff: HOSTILE, frames: [] }
  const entries = [
    command(HOSTILE, HOSTILE, { stderr: HOSTILE, result: HOSTILE, file: HOSTILE, failed: true }),
    { kind: 'console' as const, at: 0, title: HOSTILE },
    { kind: 'screen' as const, at: 0, title: HOSTILE, picture: HOSTILE },
  ]
  const frames = [{ file: HOSTILE, method: HOSTILE, line: 1, column: 1 }]
  const report = smallReport({
    row,
    details: {
      errors: [
        {
          ...error,
          frames: [...frames, ...frames],
          source: { file: HOSTILE, line: 1, first: 1, lines: [HOSTILE] },
          cause: error,
        },
      ],
      machines: [{ ...machine(HOSTILE, entries), guest: HOSTILE, state: HOSTILE, launch: HOSTILE }],
      output: [{ at: 0, stream: 'stdout', text: HOSTILE }],
      annotations: [HOSTILE],
      files: [{ path: HOSTILE, text: HOSTILE }],
      notes: [HOSTILE],
    },
  })
  const { summary } = report
  const run = { ...summary.run, title: HOSTILE, facts: [{ label: HOSTILE, value: HOSTILE }], notes: [HOSTILE] }
  return { ...report, summary: { ...summary, run: { ...run, errors: [{ where: HOSTILE, error }] } } }
}

test('what guests and tests say is text, wherever it is shown', async () => {
  const { page, complaints, requests } = await browser.open(hostileReport())
  await page.fill('#search', 'onerror')
  expect(await page.locator('main').textContent()).toContain('</script><img src=x onerror=alert(1)>')
  await page.locator('nav .list-row:visible').click()
  await page.locator('#test-name').waitFor()
  await page.locator('#test-name').focus()
  await page.keyboard.press('e')
  expect(await page.locator('.entry .terminal').first().textContent()).toContain(
    '</script><img src=x onerror=alert(1)>',
  )
  expect(await page.locator('main img:not(.screenshot), main svg:not(.icon), main script').count()).toBe(0)
  expect(complaints).toEqual([])
  expect(requests.filter((url) => !url.startsWith('data:'))).toHaveLength(1)
})

test('nothing but its own script may run, and nothing may be fetched', async () => {
  const { page, complaints } = await browser.open(smallReport())
  await page.evaluate(() => {
    const script = document.createElement('script')
    script.textContent = 'document.title = "taken over"'
    document.body.append(script)
    const image = document.createElement('img')
    image.src = 'http://127.0.0.1:9/spy.png'
    document.body.append(image)
  })
  await expect.poll(() => complaints.length).toBeGreaterThanOrEqual(2)
  expect(complaints.join('\n')).toMatch(/script-src[\s\S]*img-src/)
  expect(await page.title()).toBe('shop: test report')
})

test('data cannot end the element that holds it', async () => {
  expect(JSON.parse(embeddedJson({ HOSTILE }))).toEqual({ HOSTILE })
  expect(embeddedJson(HOSTILE)).not.toMatch(/[<>\u2028\u2029]/)
  const html = await renderPage(hostileReport())
  const clean = await renderPage(smallReport())
  expect(html.match(/<\/?\w+/g)).toEqual(clean.match(/<\/?\w+/g))
})

test('the page makes no element from text by itself', () => {
  const names = [
    'element',
    'ansi',
    'parts',
    'entry-list',
    'test-view',
    'overview',
    'test-list',
    'timeline-chart',
    'main',
  ]
  for (const name of names) {
    const source = readFileSync(new URL(`${name}.js`, import.meta.url), 'utf8')
    expect(source, name).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/)
  }
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { findTool } from '../../../host/tools.js'
import type { Report } from '../../model.js'
import { renderPage } from '../../render-page.js'

export interface OpenedReport {
  page: Page
  /** What the browser complained about. */
  complaints: string[]
  /** Addresses that it asked for. */
  requests: string[]
}

export interface ReportBrowser extends AsyncDisposable {
  /** Opens a report, in place of the one before. */
  open(report: Report, options?: BrowserContextOptions & { hash?: string }): Promise<OpenedReport>
}

/** The Chromium of this host, which opens reports from files, as readers do. */
export async function startBrowser(): Promise<ReportBrowser> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-browser-'))
  // Root has no sandbox; what is opened is our own.
  const browser = await chromium.launch({
    executablePath: await findTool('chromium'),
    args: ['--no-sandbox', '--disable-gpu'],
  })
  let pages = 0
  let context: BrowserContext | undefined
  return {
    async open(report, { hash = '', ...options } = {}) {
      const file = join(directory, `${pages++}.html`)
      await writeFile(file, await renderPage(report))
      await context?.close()
      context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
      const page = await context.newPage()
      const complaints: string[] = []
      const requests: string[] = []
      page.on('pageerror', (error) => complaints.push(error.message))
      page.on('console', (message) => complaints.push(message.text()))
      page.on('dialog', (dialog) => complaints.push(`dialog ${dialog.message()}`))
      page.on('request', (request) => requests.push(request.url()))
      await page.goto(`${pathToFileURL(file)}${hash}`)
      await page.locator('html[data-ready]').waitFor({ state: 'attached' })
      return { page, complaints, requests }
    },
    async [Symbol.asyncDispose]() {
      await browser.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

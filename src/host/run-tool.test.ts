import { execPath } from 'node:process'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { runTool } from './run-tool.js'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('runTool', () => {
  it('gives the output and the exit code, also when it is not 0', async () => {
    const script = "process.stdout.write('out\\n'); process.stderr.write('err\\n'); process.exitCode = 3"
    const result = await runTool(execPath, ['-e', script])
    expect(result).toMatchObject({ exitCode: 3, signal: undefined, timedOut: false, stderr: 'err', error: undefined })
    expect(result.stdout.toString()).toBe('out\n')
  })

  it('says why a program did not start', async () => {
    const result = await runTool('/does/not/exist', [])
    expect(result).toMatchObject({ exitCode: undefined, timedOut: false, error: { code: 'ENOENT' } })
  })

  it('names the signal that ended it', async () => {
    expect(await runTool('/bin/sh', ['-c', 'kill -TERM $$'])).toMatchObject({ exitCode: undefined, signal: 'SIGTERM' })
  })

  it('gives no input, so that a program that reads does not wait', async () => {
    expect(await runTool('/bin/cat', [])).toMatchObject({ exitCode: 0 })
  })

  it('ends a program at its timeout although the timers and the AbortController of the test are replaced', async () => {
    vi.useFakeTimers()
    vi.stubGlobal('AbortController', class {})
    expect(await runTool('/bin/sleep', ['20'], { timeoutMs: 50 })).toMatchObject({
      exitCode: undefined,
      timedOut: true,
      error: undefined,
    })
  })
})

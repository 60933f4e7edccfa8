import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, test } from 'vitest'

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

interface Report {
  testResults: { assertionResults: { title: string; status: string; failureMessages: string[] }[] }[]
}

/** What became of each test of a suite of fixtures/time: `passed`, or its failure. */
async function run(suite: string): Promise<Record<string, string>> {
  const { stdout } = await execa(
    process.execPath,
    [
      path('node_modules/vitest/vitest.mjs'),
      'run',
      '--config',
      path('fixtures/time/vitest.config.ts'),
      '--reporter=json',
      suite,
    ],
    { env: { VITEST: undefined, TEST: undefined, NO_COLOR: '1' }, reject: false, stdin: 'ignore' },
  )
  const report = JSON.parse(stdout.slice(stdout.indexOf('{"num'))) as Report
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults)
  return Object.fromEntries(
    results.map(({ title, status, failureMessages }) => [title, failureMessages.join('\n') || status]),
  )
}

test("a test's time is told from its hooks', and what runs out of it says so", { timeout: 240_000 }, async () => {
  const results = await run('time')
  const ofTest = (seconds: string) => `it was given up because the test, which has ${seconds} s in all, is nearly over`
  const hint = 'Hint: Give the test more time, or this less: both have a `timeout`.'
  expect(results['a wait']).toMatch(
    /GuestAssertionError: micro: waited in vain for file \/never \[MAYFLY_WAIT_TIMEOUT\]\n {2}gave up after \d\.\d s of \d\.\d s, \d+ attempts; the Vm is running\n/,
  )
  expect(results['a wait']).toContain(`\n  ${ofTest('8.0')}\n`)
  expect(results['a wait']).toContain(hint)
  expect(results['a wait with a limit of its own']).toMatch(/of 300 ms/)
  expect(results['a wait with a limit of its own']).not.toContain('is nearly over')
  for (const title of ['a command', "a command on the file's machine"]) {
    expect(results[title], title).toMatch(
      /MayflyError: the command did not end within \d+\.\d s \[MAYFLY_COMMAND_TIMEOUT\]\n/,
    )
    expect(results[title], title).toContain(`\n  ${ofTest('20.0')}\n`)
    expect(results[title], title).toMatch(/ {2}command: echo begun; sleep 102\d\n {2}stdout: begun\n/)
    expect(results[title], title).toContain(hint)
  }
  expect(results['words on the console']).toMatch(/waited in vain for console text never[\s\S]*which has 8\.0 s in all/)
  expect(results['a fork']).toMatch(/the command did not end within[\s\S]*which has 20\.0 s in all/)
  expect(Object.values(results).join('\n')).not.toContain('Test timed out')
  const passed = [
    'the first test of the file',
    'whose processes are gone then',
    'what is quick at the end of a test',
    'a body that begins late',
    'a machine from a hook',
    'a clean-up after the time of the test',
  ]
  for (const title of passed) expect(results[title], title).toBe('passed')
})

test('an invariant that breaks fails its test, whatever the test makes of it', async () => {
  const results = await run('invariants')
  const broken = (title: string, name: string) =>
    expect(results[title], title).toMatch(
      new RegExp(
        `^GuestAssertionError: micro: invariant ${name} broke after [\\d.]+ m?s.*\\[MAYFLY_INVARIANT_BROKEN\\]`,
      ),
    )
  broken('the body waits for the machine', 'the mark is there')
  expect(results['the body waits for the machine']).toMatch(/in flight: waiting for file \/never/)
  expect(results['the body waits for the machine']!.match(/MAYFLY_INVARIANT_BROKEN/g)).toHaveLength(1)
  broken('the body swallows it', 'it holds')
  broken('the body does something else', 'it holds meanwhile')
  broken('it breaks at the very end', 'the mark is there in the end')
  expect(results['it breaks at the very end']).toMatch(/\d+ m?s after rm \/run\/mark \[/)
  expect(results['the test fails of something else']).toMatch(/expected 1 to be 2/)
  expect(results['the test fails of something else']).toMatch(/invariant it never holds broke/)
  for (const title of ['one that holds', 'one that was stopped', 'a machine that is down']) {
    expect(results[title], title).toBe('passed')
  }
})

import { afterAll, test as base, beforeAll, type RunnerTestCase, type TestAPI } from 'vitest'
import { MayflyError, messageOf } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import { defaultCacheDir, openStore } from '../image/store.js'
import { assertConnectable } from '../network/bridge.js'
import { currentSession } from '../session/session.js'
import { prepare } from '../snapshot/prepare.js'
import { toMilliseconds } from '../units.js'
import { defineGuest, type GuestSpec } from '../vm/define-guest.js'
import type { LaunchOptions } from '../vm/launch.js'
import { Vm } from '../vm/vm.js'
import { Attempt } from './attempt.js'
import { type EvidenceOptions, type EvidenceSettings, evidenceSettings } from './evidence-options.js'
import { poolPerFile, testsToCome } from './file-pools.js'
import { blame, countRetry, retryHarnessFailures, tryAgain } from './infra-retry.js'
import { lineProgress, say } from './line-progress.js'
import { fitToHost } from './runtime-config.js'
import { isTenant, Tenancy } from './tenancy.js'
import { timeOf, timeOfCurrent, watchTests } from './test-time.js'

export interface GuestTestOptions extends Pick<LaunchOptions, 'cacheDir' | 'bootTimeout' | 'unique'>, EvidenceOptions {
  /** How long one Vm lives: `'test'` (default), a pristine one each; `'file'` or `'worker'`, one for all of its tests. */
  scope?: 'test' | 'file' | 'worker' | undefined
  /**
   * Most machines of each guest that are kept ready for the tests to come, with scope `'test'`; 0 for none.
   * Default: as many as tests turn out to wait for, while cores, memory and the tests that run leave room.
   */
  pool?: number | undefined
  /** For building images and sealing templates, before the first test and outside its time. Default `'15m'`. */
  prepareTimeout?: number | string | undefined
}

type Definition = Guest | GuestSpec | string
type Fixtures<Names extends string> = TestAPI<Record<Names, Vm>>

/** A vitest `test` whose `vm` fixture is a running machine, pristine for each test unless `scope` says otherwise. */
export function guestTest(guest: Definition, options?: GuestTestOptions): Fixtures<'vm'>
/** The same with a fixture for each of several guests; a test gets those that it names. */
export function guestTest<Names extends string>(
  guests: Record<Names, Definition>,
  options?: GuestTestOptions,
): Fixtures<Names>
export function guestTest(
  definition: Definition | Record<string, Definition>,
  options: GuestTestOptions = {},
): unknown {
  const {
    scope = 'test',
    pool: most,
    prepareTimeout = '15m',
    evidence,
    keep,
    console,
    retry,
    ...launchOptions
  } = options
  const settings = evidenceSettings({ evidence, keep, console, retry })
  const { retries } = settings
  const guests = isSingle(definition) ? { vm: defineGuest(definition) } : defineAll(definition)
  const all = Object.values(guests)
  const progress = lineProgress()
  fitToHost(all)
  beforeAll(
    async () => {
      const once = async (guest: Guest) => {
        await assertConnectable(guest)
        return await (pools?.get(guest)?.prepare() ?? prepare(guest, { ...launchOptions, progress }))
      }
      for (const guest of all) {
        const ready = tryAgain<unknown>(() => once(guest), { most: retries, onRetry: sayRetry })
        await ready.catch((error) => Promise.reject(blame(error)))
      }
    },
    toMilliseconds(prepareTimeout, 'prepareTimeout'),
  )

  watchTests()
  failOnLeaks(launchOptions.cacheDir)
  if (retries > 0) retryHarnessFailures(retries)
  const pools = scope === 'test' && most !== 0 ? poolPerFile(all, { ...launchOptions, progress, most }) : undefined
  const common = { ...launchOptions, progress, guests: all, retries }
  let test = base as unknown as Extendable
  // vitest reads the names of the fixtures that a fixture needs from the source of its first parameter.
  if (scope === 'test') {
    test = test.extend(
      'mayflyTenancy',
      { scope },
      async ({ signal, task }: { signal: AbortSignal; task: RunnerTestCase }, { onCleanup }: Hooks) => {
        const onRetry = (error: Error) => sayRetry(error, task)
        const timeLimit = () => timeOf(task)
        // Its time begins with its machines, unless a hook asks for them.
        timeLimit()
        const tenancy = new Tenancy({ ...common, takesTurns: true, pools, signal, onRetry, timeLimit })
        const attempt = await Attempt.begin({ task, tenancy, settings, last: true })
        onCleanup(() => attempt.end().finally(() => tenancy.end()))
        const expected = 1 + testsToCome(task.file)
        for (const pool of pools?.values() ?? []) pool.expect(expected)
        return tenancy
      },
    )
  } else {
    // biome-ignore lint/correctness/noEmptyPattern: vitest insists on a pattern here
    const open = ({}: object, { onCleanup }: Hooks) => {
      const tenancy = new Tenancy({ ...common, takesTurns: false, onRetry: sayRetry, timeLimit: timeOfCurrent })
      onCleanup(() => tenancy.end())
      return tenancy
    }
    test = atTopLevel(scope, test, open)
    test = test.extend('mayflyAttempt', { scope: 'test', auto: true }, watchAttempt(settings))
  }
  for (const [name, guest] of Object.entries(guests)) {
    test = test.extend(name, { scope }, ({ mayflyTenancy }: { mayflyTenancy: Tenancy }) =>
      mayflyTenancy.launch(name, guest),
    )
  }
  return test
}

/** vitest's own error names a fixture that the user has never heard of. */
function atTopLevel(scope: 'file' | 'worker', test: Extendable, fixture: Fixture): Extendable {
  try {
    return test.extend('mayflyTenancy', { scope }, fixture)
  } catch (error) {
    if (!messageOf(error).includes('inside the describe block')) throw error
    throw new MayflyError('MAYFLY_OPTION_INVALID', `guestTest with scope: '${scope}' was called inside describe`, {
      hint: `Call it at the top level of the file and use the test function it returns inside describe. With scope: 'test' it may be called anywhere.`,
    })
  }
}

/** The machines go on to the next test: each one's part is explained by itself. */
function watchAttempt(settings: EvidenceSettings) {
  return async (
    { task, mayflyTenancy: tenancy }: { task: RunnerTestCase; mayflyTenancy: Tenancy },
    { onCleanup }: Hooks,
  ): Promise<void> => {
    const attempt = await Attempt.begin({ task, tenancy, settings, last: false })
    onCleanup(() => attempt.end())
  }
}

function sayRetry(error: Error, task?: RunnerTestCase): void {
  if (task) countRetry(task)
  say(`tried again, for it was the harness that failed: ${error.message.split('\n')[0]}`)
}

interface Hooks {
  onCleanup(cleanup: () => void | Promise<void>): void
}

/** vitest's own type of `extend` cannot follow names that are only known at run time. */
interface Extendable {
  extend(name: string, options: { scope: 'test' | 'file' | 'worker'; auto?: boolean }, fixture: Fixture): Extendable
}

type Fixture = (context: never, hooks: Hooks) => unknown

/** The last hook of the suite: machines that its tests launched by themselves, and did not destroy, fail it. */
function failOnLeaks(cacheDir: string | undefined): void {
  const owned = async () => {
    const session = await currentSession(await openStore(cacheDir ?? defaultCacheDir()))
    return session.owned.filter((resource): resource is Vm => resource instanceof Vm && !isTenant(resource))
  }
  let before: readonly Vm[] = []
  beforeAll(async () => {
    before = await owned()
  })
  afterAll(async () => {
    const leaked = (await owned()).filter((vm) => !before.includes(vm))
    await Promise.all(leaked.map((vm) => vm.destroy()))
    if (leaked.length === 0) return
    throw new MayflyError('MAYFLY_LEAKED', `${leaked.length} launched machine(s) were never destroyed`, {
      details: leaked.map((vm) => `${vm.id}: destroyed now`),
      hint: 'Write `await using vm = await launch(...)`, or call `vm.destroy()`.',
    })
  })
}

function isSingle(definition: Definition | Record<string, Definition>): definition is Definition {
  if (typeof definition === 'string') return true
  // A record may name one of its guests `image`: then that is a guest, which has an image itself.
  const { image } = definition as { image?: unknown }
  return typeof image === 'string' || (typeof image === 'object' && image !== null && !('image' in image))
}

function defineAll(definitions: Record<string, Definition>): Record<string, Guest> {
  const guests = Object.entries(definitions).map(([name, definition]) => {
    const guest = defineGuest(definition)
    return [name, guest] as const
  })
  if (guests.length === 0) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', 'guestTest was given no guest', {
      hint: "Give one, such as guestTest('micro').",
    })
  }
  return Object.fromEntries(guests)
}

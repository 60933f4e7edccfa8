// @ts-check
import { benchClones, cloneRowNames } from './clones.js'
import { benchCrowd, crowdRowName } from './crowd.js'
import { benchDownload, downloadRowName } from './downloads.js'
import { benchExec, execRowName } from './exec-round-trip.js'
import { benchFootprint, footprintRowNames } from './footprint.js'
import { benchFork, FORKED_MEMORY, forkRowNames } from './forks.js'
import { benchGuest } from './guest.js'
import { benchList, listRowName } from './machines.js'
import { benchPooled, pooledRowNames } from './pooled.js'
import { benchProvision, provisionRowName } from './provision-graph.js'
import { benchRestore, restoreRowName } from './restores.js'
import { benchSeal, sealRowName } from './seal-pause.js'
import { benchStartUp, startUpRowNames } from './start-up.js'
import { benchSuite, suiteRowNames } from './suite.js'
import { benchUploads, uploadRowNames } from './uploads.js'
import { benchParse, parseRowName } from './vmfiles.js'
import { benchWatch, watchRowName } from './watch.js'

/**
 * Rows that are measured together.
 * @typedef {object} Group
 * @property {string[]} names
 * @property {() => Promise<import('./row.js').ReportedRow[]>} run may give rows that nobody wants, and leave out others
 */

/**
 * All there is, in the order of the report. The suite is the last: it ends the session of the guests.
 * @param {import('./main.js').Bench} bench
 * @returns {Group[]}
 */
export function groupsOf(bench) {
  return [
    { names: Object.values(startUpRowNames), run: () => benchStartUp(bench) },
    { names: [listRowName], run: () => benchList(bench) },
    { names: [parseRowName], run: () => benchParse(bench) },
    { names: [downloadRowName], run: () => benchDownload(bench) },
    ...ofBoth('micro', bench),
    { names: [crowdRowName('micro')], run: onGuest(benchCrowd, 'micro', bench) },
    ...ofBoth('debian', bench),
    { names: [provisionRowName('debian')], run: onGuest(benchProvision, 'debian', bench) },
    { names: Object.values(suiteRowNames), run: () => benchSuite(bench) },
    { names: [watchRowName], run: () => benchWatch(bench) },
  ]
}

/**
 * @param {'micro' | 'debian'} name
 * @param {import('./main.js').Bench} bench
 * @returns {Group[]}
 */
function ofBoth(name, bench) {
  return [
    { names: Object.values(cloneRowNames(name)), run: onGuest(benchClones, name, bench) },
    { names: Object.values(pooledRowNames(name)), run: onGuest(benchPooled, name, bench) },
    { names: [sealRowName(name)], run: onGuest(benchSeal, name, bench) },
    { names: Object.values(forkRowNames(name)), run: onGuest(benchFork, name, bench, FORKED_MEMORY) },
    { names: [restoreRowName(name)], run: onGuest(benchRestore, name, bench) },
    { names: [execRowName(name)], run: onGuest(benchExec, name, bench) },
    { names: Object.values(uploadRowNames(name)), run: onGuest(benchUploads, name, bench) },
    { names: Object.values(footprintRowNames(name)), run: onGuest(benchFootprint, name, bench) },
  ]
}

/**
 * @param {(guest: import('./guest.js').BenchGuest, bench: import('./main.js').Bench) => ReturnType<Group['run']>} run
 * @param {'micro' | 'debian'} name
 * @param {import('./main.js').Bench} bench
 * @param {string} [memory]
 * @returns {Group['run']}
 */
function onGuest(run, name, bench, memory) {
  return async () => await run(await benchGuest(name, bench.progress, memory), bench)
}

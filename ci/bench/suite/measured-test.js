// @ts-check

/** How many tests the suite has. */
export const TESTS = 100

/** What each test runs: it fails on a machine that is not pristine. */
export const COMMAND = 'mkdir /root/mark'

/** Names the file that gets a line of JSON from each test. */
export const RECORDS_VARIABLE = 'MAYFLY_BENCH_RECORDS'

/**
 * What one test saw, in ms.
 * @typedef {object} TestRecord
 * @property {number} waitedMs from asking for its machine to having it
 * @property {number} execMs
 * @property {boolean} pooled whether a machine was ready
 */

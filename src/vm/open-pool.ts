import type { Guest } from '../guest/spec.js'
import { defineGuest, type GuestSpec } from './define-guest.js'
import type { PoolOptions, VmPool } from './vm-pool.js'

/**
 * A pool that begins to fill at once. Machines that are ready in advance run no instruction, but take memory: dispose of it.
 * @throws as `launch`.
 */
export async function openPool(spec: GuestSpec | Guest | string, options: PoolOptions = {}): Promise<VmPool> {
  const guest = defineGuest(spec)
  const { VmPool } = await import('./vm-pool.js')
  const pool = new VmPool(guest, options)
  await pool.prepare()
  pool.expect(Number.POSITIVE_INFINITY)
  return pool
}

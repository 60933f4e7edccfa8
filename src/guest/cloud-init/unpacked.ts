import { gunzipSync } from 'node:zlib'
import { MayflyError, messageOf } from '../../errors.js'

/** More than cloud-init's data source takes. */
const MOST_BYTES = 16 * 1024 * 1024

/** The text of a file with user-data, which cloud-init takes compressed by gzip as well. @throws MayflyError MAYFLY_GUEST_INVALID if it is damaged. */
export function unpacked(bytes: Buffer): string {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString()
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES }).toString()
  } catch (error) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', 'the compressed user-data cannot be unpacked', {
      details: [messageOf(error)],
      hint: 'Give the text itself, or compress it again with gzip.',
      cause: error,
    })
  }
}

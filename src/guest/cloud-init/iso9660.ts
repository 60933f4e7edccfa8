const SECTOR = 2048
/** The first 16 sectors are nobody's; then come two descriptors, two path tables, the directory, and the files. */
const AT = { primary: 16, terminator: 17, pathTable: 18, pathTableBigEndian: 19, directory: 20, files: 21 } as const
const PATH_TABLE_BYTES = 10
/** 2000-01-01, so that equal files make equal images. */
const DATE = [100, 1, 1, 0, 0, 0, 0]
const LONG_DATE = '2000010100000000\0'
const [DIRECTORY_MODE, FILE_MODE] = [0o040_555, 0o100_444]
const IS_DIRECTORY = 2

/**
 * A CD-ROM image (ECMA-119) of a few files in its root. Their names are told by Rock Ridge (IEEE P1282, RRIP_1991A), as
 * they are: ISO 9660 itself has capitals only.
 * @param label of the volume, 32 characters at most.
 */
export function iso9660(label: string, files: Readonly<Record<string, string>>): Buffer {
  const names = Object.keys(files)
  const contents = Object.fromEntries(names.map((name) => [name, Buffer.from(files[name]!)]))
  let sector: number = AT.files
  const records = names.sort().map((name, index) => {
    const size = contents[name]!.length
    const record = { name, size, sector, isoName: `FILE${index}.;1` }
    sector += Math.ceil(size / SECTOR)
    return record
  })
  const image = Buffer.alloc(sector * SECTOR)
  const put = (at: number, bytes: Buffer) => bytes.copy(image, at * SECTOR)
  put(AT.primary, primaryDescriptor(label, sector))
  put(AT.terminator, Buffer.from('\xffCD001\x01', 'latin1'))
  put(
    AT.pathTable,
    pathTable((value) => uint(value, 4), uint(1, 2)),
  )
  put(
    AT.pathTableBigEndian,
    pathTable((value) => uint(value, 4).reverse(), uint(1, 2).reverse()),
  )
  put(AT.directory, directory(records))
  for (const { name, sector: at } of records) put(at, contents[name]!)
  return image
}

function primaryDescriptor(label: string, sectors: number): Buffer {
  return Buffer.concat([
    Buffer.from('\x01CD001\x01\0', 'latin1'),
    text('', 32),
    text(label, 32),
    Buffer.alloc(8),
    both(sectors, 4),
    Buffer.alloc(32),
    // One volume of a set of one.
    ...[both(1, 2), both(1, 2), both(SECTOR, 2), both(PATH_TABLE_BYTES, 4)],
    ...[uint(AT.pathTable, 4), uint(0, 4), uint(AT.pathTableBigEndian, 4).reverse(), uint(0, 4)],
    directoryRecord('\0', AT.directory, SECTOR, IS_DIRECTORY),
    // Set, publisher, preparer and application; then three names of files.
    text('', 4 * 128 + 3 * 37),
    ...[LONG_DATE, LONG_DATE, '0000000000000000\0', LONG_DATE].map((date) => Buffer.from(date, 'latin1')),
    Buffer.from([1]),
  ])
}

function pathTable(address: (value: number) => Buffer, parent: Buffer): Buffer {
  return Buffer.concat([Buffer.from([1, 0]), address(AT.directory), parent, Buffer.alloc(2)])
}

interface FileRecord {
  name: string
  isoName: string
  sector: number
  size: number
}

function directory(files: readonly FileRecord[]): Buffer {
  const own = [AT.directory, SECTOR, IS_DIRECTORY] as const
  const entries = Buffer.concat([
    directoryRecord('\0', ...own, [sharingProtocol, posix(DIRECTORY_MODE), rockRidge]),
    directoryRecord('\x01', ...own, [posix(DIRECTORY_MODE)]),
    ...files.map(({ name, isoName, sector, size }) =>
      directoryRecord(isoName, sector, size, 0, [posix(FILE_MODE), alternateName(name)]),
    ),
  ])
  if (entries.length > SECTOR) throw new RangeError('too many files for a directory of one sector')
  return entries
}

function directoryRecord(name: string, sector: number, size: number, flags: number, uses: Buffer[] = []): Buffer {
  const body = Buffer.concat([
    Buffer.from([0]),
    ...[both(sector, 4), both(size, 4), Buffer.from([...DATE, flags, 0, 0]), both(1, 2)],
    Buffer.from([name.length]),
    Buffer.from(name, 'latin1'),
    // What follows the name begins at an even offset.
    Buffer.alloc(1 - (name.length & 1)),
    ...uses,
  ])
  const padding = (body.length + 1) & 1
  return Buffer.concat([Buffer.from([1 + body.length + padding]), body, Buffer.alloc(padding)])
}

/** An entry of the System Use Sharing Protocol (IEEE P1281), version 1. */
function systemUse(signature: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(signature, 'latin1'), Buffer.from([4 + body.length, 1]), body])
}

const sharingProtocol = systemUse('SP', Buffer.from([0xbe, 0xef, 0]))
const ROCK_RIDGE = 'RRIP_1991A'
const rockRidge = systemUse('ER', Buffer.from([ROCK_RIDGE.length, 0, 0, 1]), Buffer.from(ROCK_RIDGE, 'latin1'))

/** Mode, links, user, group. */
function posix(mode: number): Buffer {
  return systemUse('PX', both(mode, 4), both(1, 4), both(0, 4), both(0, 4))
}

function alternateName(name: string): Buffer {
  return systemUse('NM', Buffer.from([0]), Buffer.from(name))
}

function text(value: string, length: number): Buffer {
  return Buffer.from(value.padEnd(length), 'latin1')
}

function uint(value: number, bytes: 2 | 4): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntLE(value, 0, bytes)
  return buffer
}

/** A number as ISO 9660 has most of them: little end first, then again big end first. */
function both(value: number, bytes: 2 | 4): Buffer {
  return Buffer.concat([uint(value, bytes), uint(value, bytes).reverse()])
}

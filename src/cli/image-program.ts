import type { Command } from 'commander'
import { append, command, examples } from './command.js'
import type { ImportOptions, PullCommandOptions } from './image-pull.js'

/** `mayfly image` and what is below it. */
export function addImageCommands(program: Command): void {
  const image = program
    .command('image')
    .summary('pull, list, inspect, verify and remove images')
    .description('Images in the cache: those that Mayfly builds, and disks that are downloaded or imported.')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', examples('mayfly image pull debian-12', 'mayfly image ls', 'mayfly image rm debian-12'))

  command<PullCommandOptions>(image, 'pull <image>', async () => (await import('./image-pull.js')).pull)
    .summary('download an image into the cache')
    .description(
      'Downloads a disk image, unless the cache has what its publisher has now. It is checked against the checksum of its ' +
        'publisher, unpacked (.zst, .xz, .gz, .bz2), and kept by its digest. What a broken download has left is gone on with.\n' +
        `${IMAGES} ` +
        'Proxies: http_proxy, https_proxy, no_proxy. Mirrors: MAYFLY_IMAGE_MIRRORS, values of --mirror with blanks between them.',
    )
    .option('--name <name>', 'what to call it (default: the name in the catalogue, or that of the file)')
    .option('--arch <name>', 'x86_64 or aarch64 (default: that of this host)')
    .option('--checksum <sum>', 'sha256 or sha512 of what is downloaded, or the URL of the publisher’s checksum file')
    .option('--mirror <from=to>', 'look for addresses that begin with <from> below <to> first (repeatable)', append)
    .option('--if-missing', 'take what the cache has, without asking the publisher for something newer')
    .option('--allow-http', 'follow redirects from https to http')
    .option('-v, --verbose', 'show what is done, also when stderr is not a terminal')
    .option('--json', 'print one object of { name, key, digest, directory, disk, sources, cached }')
    .addHelpText(
      'after',
      examples(
        'mayfly image pull debian-12',
        'mayfly image pull ubuntu-24.04 --arch aarch64',
        'mayfly image pull https://example.org/disk.qcow2.xz --checksum https://example.org/SHA256SUMS',
        'mayfly image pull fedora --mirror https://download.fedoraproject.org/pub/=https://mirror.example/',
      ),
    )

  command<ImportOptions>(image, 'import <path>', async () => (await import('./image-pull.js')).importFile)
    .summary('copy a disk of your own into the cache')
    .description(
      'Copies a disk image into the cache, unpacked if it is compressed. Its format is told by its content, not by its name.\n' +
        'One that reads other files, as a qcow2 with a backing file does, is refused without --convert.',
    )
    .option('--name <name>', "what to call it (default: the file's name)")
    .option('--arch <name>', 'x86_64 or aarch64')
    .option('--checksum <sum>', 'sha256 or sha512 of the file')
    .option('--convert', 'make a qcow2 of it, together with the files that it reads; also of a VMDK, VDI, VHDX, ...')
    .option('--json', 'print one object of { name, key, digest, directory, disk, sources, cached }')
    .addHelpText('after', examples('mayfly image import ./appliance.qcow2 --name appliance'))

  command<{ catalogue?: boolean; json?: boolean }>(image, 'ls', async () => (await import('./image-ls.js')).ls)
    .alias('list')
    .summary('list images')
    .description('Lists the images of the cache.')
    .option('--catalogue', 'list what can be pulled by its name instead')
    .option('--json', 'print one array of { key, name, digest, directory, bytes, lastUsedAt, disk }')
    .addHelpText('after', examples('mayfly image ls', 'mayfly image ls --catalogue'))

  command<{ json?: boolean }>(image, 'inspect <image>', async () => (await import('./image-inspect.js')).inspect)
    .summary('say what an image is and where it is from')
    .description(`Shows an image of the cache, or a disk image at a path. ${STORED}`)
    .option(
      '--json',
      'print one array of images, or one object of { path, format, virtualSizeBytes, sizeBytes, whole }',
    )
    .addHelpText('after', examples('mayfly image inspect debian-12', 'mayfly image inspect ./disk.qcow2'))

  command<{ json?: boolean }>(image, 'verify [image...]', async () => (await import('./image-verify.js')).verify)
    .summary('read images over and compare their digests')
    .description(`Reads images of the cache over, and exits with 1 if one is not what it was. Default: all. ${STORED}`)
    .option('--json', 'print one array of { name, key, sound, reason? }')
    .addHelpText('after', examples('mayfly image verify', 'mayfly image verify debian-12'))

  command<{ json?: boolean }>(image, 'rm <image...>', async () => (await import('./image-rm.js')).rm)
    .summary('remove images')
    .description(
      `Removes images from the cache, but none that a running process uses or that a template stands on: then it exits with 1.\n${STORED}`,
    )
    .option('--json', 'print one object of { removed, kept: [{ name, key, reason }], freedBytes }')
    .addHelpText('after', examples('mayfly image rm debian-12', 'mayfly image rm 3f9a'))
}

const IMAGES =
  'Images: a name of the catalogue (mayfly image ls --catalogue), a URL, or the path of a file, as with mayfly image import.'

const STORED = 'Images: a name, or the beginning of a name or of a key, if it is the only one.'

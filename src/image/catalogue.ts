import { MayflyError } from '../errors.js'
import { hostArch } from '../host/host-arch.js'
import { ALIASES, type Architecture, CATALOGUE, type PublishedImage } from './catalogue-entries.js'

export interface CatalogueImage extends PublishedImage {
  /** With its version. */
  name: string
  architecture: Architecture
}

/** Other names that people and publishers have for the same. */
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x86_64: 'x86_64',
  'x86-64': 'x86_64',
  x64: 'x86_64',
  amd64: 'x86_64',
  aarch64: 'aarch64',
  arm64: 'aarch64',
}

/** Every name of the catalogue, those without a version included. */
export function catalogueNames(): string[] {
  return [...Object.keys(CATALOGUE), ...Object.keys(ALIASES)].sort((a, b) => a.localeCompare(b))
}

/** What `name` is called with its version; any other text as it is. */
export function fullName(name: string): string {
  return ALIASES[name] ?? name
}

/** Every image of the catalogue. */
export function catalogueImages(): CatalogueImage[] {
  return Object.entries(CATALOGUE).flatMap(([name, entry]) =>
    (Object.entries(entry) as [Architecture, PublishedImage][]).map(([architecture, image]) => ({
      name,
      architecture,
      ...image,
    })),
  )
}

/**
 * An image of the catalogue; undefined if it has none of that name.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND when it is not published for the architecture.
 */
export function catalogueImage(name: string, architecture: Architecture): CatalogueImage | undefined {
  const named = catalogueImages().filter((image) => image.name === fullName(name))
  const found = named.find((image) => image.architecture === architecture)
  if (found || named.length === 0) return found
  throw new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `${name} is not published for ${architecture}`, {
    hint: `There is one for ${named.map((image) => image.architecture).join(', ')}.`,
  })
}

/**
 * @param text `x86_64` or `aarch64`, or another name of theirs; by default this host's.
 * @throws MayflyError MAYFLY_OPTION_INVALID.
 */
export function parseArchitecture(text: string = hostArch()): Architecture {
  const architecture = ARCHITECTURES[text.toLowerCase()]
  if (architecture) return architecture
  throw new MayflyError('MAYFLY_OPTION_INVALID', `unknown architecture: ${JSON.stringify(text)}`, {
    hint: 'Give x86_64 or aarch64.',
  })
}

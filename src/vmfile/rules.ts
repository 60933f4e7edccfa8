import type { Diagnostics } from './diagnostic.js'
import type { Path, Places } from './places.js'
import { nodeName } from './shape.js'

type Raw = Record<string, unknown>

/** What holds between fields. It is asked of what is written down, also if some of that is wrong. */
export function checkRules(raw: Raw, places: Places, found: Diagnostics): void {
  const rules = new Rules(raw, places, found)
  rules.imageSource()
  rules.needs('sha256', ['imageUrl', 'image'], 'image-url or image')
  rules.needs('initrd', ['kernel'], 'kernel')
  rules.needs('cmdline', ['kernel'], 'kernel')
  rules.cloudInit()
  rules.provision()
  rules.manipulation()
  rules.share()
}

class Rules {
  readonly #raw: Raw
  readonly #places: Places
  readonly #found: Diagnostics

  constructor(raw: Raw, places: Places, found: Diagnostics) {
    this.#raw = raw
    this.#places = places
    this.#found = found
  }

  imageSource(): void {
    const kernel = this.#has(['kernel'])
    const sources = ['image', 'imageUrl', 'kernel'].filter((field) => this.#has([field]))
    if (sources.length === 0) {
      this.#found.error(this.#places.at([]), 'vm needs an image', {
        hint: 'Give one of image "…", image-url "https://…", or kernel "…" with initrd and cmdline.',
      })
      this.#places.breakOff(['image'])
    }
    this.#conflict('image', 'imageUrl', 'A machine has one image.')
    if (kernel) this.#conflict('kernel', 'imageUrl', 'A kernel has its disk in image.')
  }

  needs(field: string, others: string[], names: string): void {
    if (!this.#has([field]) || others.some((other) => this.#has([other]))) return
    this.#found.error(this.#places.at([field]), `${nodeName(field)} is given without ${names}`)
  }

  /** vmctl takes user-data alone then, and says nothing. */
  cloudInit(): void {
    if (!this.#has(['cloudInit', 'userData']) || !this.#has(['cloudInit', 'sshKey'])) return
    this.#found.warn(this.#places.at(['cloudInit', 'sshKey']), 'ssh-key has no effect beside user-data', {
      hint: 'Name the key in the ssh_authorized_keys of the user-data.',
    })
  }

  provision(): void {
    for (const [at, step] of this.#items('provision')) {
      if (step?.kind !== 'shell') continue
      const path: Path = ['provision', at]
      const [inline, script] = [this.#has([...path, 'inline']), this.#has([...path, 'script'])]
      if (inline && script) {
        this.#found.error(this.#places.at([...path, 'script']), 'provision "shell" has both inline and script', {
          related: { span: this.#places.at([...path, 'inline']), message: 'inline is here' },
          hint: 'Write two provision blocks.',
        })
      } else if (!inline && !script) {
        this.#found.error(this.#places.at(path), 'provision "shell" needs inline or script', {
          hint: 'As in provision "shell" { inline "apt-get update"; }',
        })
        this.#places.breakOff(path)
      }
    }
  }

  manipulation(): void {
    for (const [at] of this.#items('manipulation')) {
      const path: Path = ['manipulation', at]
      if (this.#has([...path, 'packages']) || this.#has([...path, 'script'])) continue
      this.#found.error(this.#places.at(path), 'manipulation needs packages or script')
    }
  }

  share(): void {
    const targets = new Map<unknown, Path>()
    for (const [at, share] of this.#items('share')) {
      const path: Path = ['share', at, 'target']
      const before = targets.get(share?.target)
      if (before) {
        const related = { span: this.#places.at(before), message: 'the first one is here' }
        this.#found.error(this.#places.at(path), 'two shares have the same target', { related })
      } else if (this.#has(path)) targets.set(share?.target, path)
    }
  }

  #conflict(one: string, other: string, hint: string): void {
    if (!this.#has([one]) || !this.#has([other])) return
    const [first, second] = [this.#places.at([one]), this.#places.at([other])].sort((a, b) => a.start - b.start)
    const [a, b] = [nodeName(one), nodeName(other)]
    const related = { span: first!, message: 'the other one is here' }
    this.#found.error(second!, `both ${a} and ${b} are given`, { related, hint: `${hint} Remove one of them.` })
  }

  #items(field: string): [number, Raw | undefined][] {
    return [...((this.#raw[field] ?? []) as (Raw | undefined)[]).entries()]
  }

  /** Whether it is written down, rightly or not. */
  #has(path: Path): boolean {
    return this.#places.has(path) || this.#places.isBroken(path)
  }
}

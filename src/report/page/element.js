/**
 * An element of the page. Children that are text stay text: nothing that a guest has said is ever parsed as markup.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | undefined | ((event: any) => void)>} properties `class`, `on…` listeners, the rest are attributes; undefined and false leave them out.
 * @param {...(Node | string | undefined | false)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue
    if (typeof value === 'function') made.addEventListener(name.slice(2), /** @type {EventListener} */ (value))
    else made.setAttribute(name, value === true ? '' : String(value))
  }
  made.append(...children.filter((child) => child !== undefined && child !== false))
  return made
}

const SVG = 'http://www.w3.org/2000/svg'

/** What each state looks like, told by shape as well as by colour. */
const SHAPES = {
  passed: 'M3.5 8.5l3 3 6-7',
  failed: 'M4 4l8 8M12 4l-8 8',
  skipped: 'M4 8h8',
  unfinished: 'M8 4v5M8 12v.01',
}

/**
 * @param {keyof typeof SHAPES} state
 */
export function stateIcon(state) {
  const icon = document.createElementNS(SVG, 'svg')
  icon.setAttribute('viewBox', '0 0 16 16')
  icon.setAttribute('class', `icon ${state}`)
  icon.setAttribute('role', 'img')
  icon.setAttribute('aria-label', state)
  const path = document.createElementNS(SVG, 'path')
  path.setAttribute('d', SHAPES[state])
  icon.append(path)
  return icon
}

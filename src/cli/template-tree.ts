import { formatBytes } from '../units.js'
import { ago } from './ago.js'
import { type ListedImage, type ListedTemplate, state } from './listed.js'
import { style } from './style.js'
import { table } from './table.js'

interface TreeNode {
  label: string
  /** What stands in the columns beside it. */
  cells: string[]
  children: TreeNode[]
}

/** Images, what was booted from them, and each provision step below what it was made from. */
export function templateTree(images: readonly ListedImage[], templates: readonly ListedTemplate[]): string {
  const below = (parent: string): TreeNode[] =>
    templates.filter((template) => template.parent === parent).map(templateNode)
  const templateNode = (template: ListedTemplate): TreeNode => ({
    label: template.title ?? template.key,
    cells: [formatBytes(template.bytes), ago(template.lastUsedAt), state(template.usable, template.reason)],
    children: below(template.key),
  })
  const keys = new Set(templates.map(({ key }) => key))
  // A flattened template may outlive what it was made from: then it begins a tree.
  const first = templates.filter(({ parent }) => parent === undefined || !keys.has(parent))
  const roots = images.map(
    (image): TreeNode => ({
      label: style('bold', `image ${image.name}`),
      cells: [formatBytes(image.bytes), ago(image.lastUsedAt), state(image.usable, image.damage)],
      children: first.filter(({ imageDigest }) => imageDigest === image.digest && image.usable).map(templateNode),
    }),
  )
  const digests = new Set(images.filter(({ usable }) => usable).map(({ digest }) => digest))
  const others = first.filter(({ imageDigest }) => !digests.has(imageDigest)).map(templateNode)
  const rows = [...roots, ...others].flatMap((root) => rowsOf(root, '', ''))
  return rows.length === 0 ? 'none' : table([['', 'SIZE', 'LAST USED', 'STATE'], ...rows])
}

/** @param lead comes before its own label, `indent` before those of its children. */
function rowsOf({ label, cells, children }: TreeNode, lead: string, indent: string): string[][] {
  const below = children.flatMap((child, index) => {
    const last = index === children.length - 1
    return rowsOf(child, `${indent}${last ? '└─ ' : '├─ '}`, `${indent}${last ? '   ' : '│  '}`)
  })
  return [[`${lead}${label}`, ...cells], ...below]
}

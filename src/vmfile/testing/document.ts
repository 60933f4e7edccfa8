import { formatVmFile } from '../format.js'
import { isScalar, machineShape, nodeName, type Shape } from '../shape.js'

/** Every node of a VMFile, as Markdown, out of the schema that files are checked by. */
export function documentNodes(): string {
  const { properties = {} } = machineShape()
  const blocks = Object.entries(properties).filter(([, shape]) => hasBlock(shape))
  return [
    `### vm\n\n${machineShape().description} It may stand several times, and takes its name.\n`,
    table(machineShape(), ['name']),
    ...blocks.map(([field, shape]) => documentBlock(nodeName(field), shape)),
  ].join('\n')
}

function documentBlock(name: string, shape: Shape): string {
  const item = shape.items ?? shape
  const positional = item.arguments ?? []
  const takes = positional.length > 0 ? ` It takes its ${positional.join(' and its ')}.` : ''
  const times = shape.repeatable ? ' It may stand several times.' : ''
  const parts = [`### ${name}\n\n${shape.description}${times}${takes}\n`, fence(shape.example!)]
  if (!item.oneOf) return [...parts, ...note(item, shape), table(item, positional)].join('\n')
  const [choice = ''] = positional
  const variants = item.oneOf.map((variant) => {
    const title = `**\`${name} "${variant.properties![choice]!.const}"\`**: ${variant.description}\n`
    return Object.keys(variant.properties!).length > positional.length
      ? `${title}\n${table(variant, positional)}`
      : title
  })
  const fallback = (shape.default as Record<string, string> | undefined)?.[choice]
  const missing = fallback === undefined ? [] : [`Default: \`${name} "${fallback}"\`.\n`]
  return [...parts, ...missing, ...variants].join('\n')
}

/** What the item of a list says besides the list. */
function note(item: Shape, shape: Shape): string[] {
  return item !== shape && item.description && !item.arguments ? [`${item.description}\n`] : []
}

function table({ properties = {}, required = [] }: Shape, positional: readonly string[]): string {
  const rows = Object.entries(properties)
    .filter(([, shape]) => shape.const === undefined)
    .map(([field, shape]) => {
      const name = nodeName(field)
      const label = positional.includes(field)
        ? `its ${name}`
        : hasBlock(shape)
          ? `[\`${name}\`](#${name})`
          : `\`${name}\``
      const needed = required.includes(field) ? 'required' : fallback(shape)
      const takes = hasBlock(shape) ? 'a block' : (shape.expects ?? '')
      const example = hasBlock(shape) ? '' : `\`${shape.example ?? ''}\``
      return `| ${label} | ${takes} | ${needed} | ${shape.description ?? ''} | ${example} |`
    })
  return `| node | takes | default | what it is | as in |\n|---|---|---|---|---|\n${rows.join('\n')}\n`
}

function fallback({ default: value }: Shape): string {
  if (value === undefined || Array.isArray(value)) return ''
  if (typeof value === 'object') return `\`"${Object.values(value as object).join(' ')}"\``
  return typeof value === 'boolean' ? `\`#${value}\`` : `\`${JSON.stringify(value)}\``
}

function hasBlock(shape: Shape): boolean {
  const item = shape.items ?? shape
  return !isScalar(item) && (item.properties !== undefined || item.oneOf !== undefined)
}

/** Examples are of one line, for error messages; here they have more room. */
function fence(example: string): string {
  const broken = example.replace(/\{ (.*) \}$/, (_, inner: string) => `{\n${inner.replaceAll('; ', '\n')}\n}`)
  return `\`\`\`kdl\n${formatVmFile(broken, { path: 'example' })}\`\`\`\n`
}

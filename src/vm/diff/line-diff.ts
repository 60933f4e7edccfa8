/** Lines of context around what changed. */
const CONTEXT = 2
/** A table of more cells than this takes too long: what is in between is told as replaced. */
const MOST_CELLS = 4_000_000

/** Lines with `-` (gone), `+` (new) and ` ` (as before, near a change) in front; `...` stands for what lies between. */
export function changedLines(before: string, after: string): string[] {
  const [old, now] = [linesOf(before), linesOf(after)]
  const start = commonStart(old, now)
  const end = commonStart(old.slice(start).reverse(), now.slice(start).reverse())
  const middle = script(old.slice(start, old.length - end), now.slice(start, now.length - end))
  const kept = (lines: readonly string[]) => lines.map((line) => ` ${line}`)
  return withContext([...kept(old.slice(0, start)), ...middle, ...kept(old.slice(old.length - end))])
}

function linesOf(text: string): string[] {
  if (text === '') return []
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  else lines[lines.length - 1] += ' (no newline at the end)'
  return lines
}

function commonStart(one: readonly string[], other: readonly string[]): number {
  let length = 0
  while (length < one.length && length < other.length && one[length] === other[length]) length++
  return length
}

/** The shortest way from one to the other, by the longest common subsequence. */
function script(old: readonly string[], now: readonly string[]): string[] {
  const gone = (line: string) => `-${line}`
  const came = (line: string) => `+${line}`
  if (old.length * now.length > MOST_CELLS) return [...old.map(gone), ...now.map(came)]
  const width = now.length + 1
  /** Lengths of what the ends from (row, column) have in common. */
  const common = new Uint32Array((old.length + 1) * width)
  for (let row = old.length - 1; row >= 0; row--) {
    for (let column = now.length - 1; column >= 0; column--) {
      const below = common[(row + 1) * width + column]!
      const right = common[row * width + column + 1]!
      const both = common[(row + 1) * width + column + 1]! + 1
      common[row * width + column] = old[row] === now[column] ? both : Math.max(below, right)
    }
  }
  const lines: string[] = []
  let [row, column] = [0, 0]
  while (row < old.length && column < now.length) {
    if (old[row] === now[column]) {
      lines.push(` ${old[row++]!}`)
      column++
    } else if (common[(row + 1) * width + column]! >= common[row * width + column + 1]!) lines.push(gone(old[row++]!))
    else lines.push(came(now[column++]!))
  }
  return [...lines, ...old.slice(row).map(gone), ...now.slice(column).map(came)]
}

function withContext(lines: readonly string[]): string[] {
  const near = (index: number) =>
    lines.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some((line) => !line.startsWith(' '))
  return lines.flatMap((line, index) => {
    if (near(index)) return [line]
    return index > 0 && near(index - 1) && lines.slice(index).some((later) => !later.startsWith(' ')) ? ['...'] : []
  })
}

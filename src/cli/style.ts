import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** Colours on a terminal that has them, unless NO_COLOR is set. */
export function style(format: Format, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  const wanted = stream.isTTY && !process.env.NO_COLOR && stream.hasColors()
  return wanted ? styleText(format, text) : text
}

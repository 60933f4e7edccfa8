/** The keys of a `.pub` or an `authorized_keys` file, one line each; comments are none. */
export function publicKeysIn(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

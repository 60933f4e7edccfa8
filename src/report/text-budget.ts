/** What all texts of a page may take together; a browser keeps them in memory, and searches them. */
const PAGE_CHARACTERS = 64 * 1024 * 1024

/** Gives out room for texts, so that the page stays one that a browser opens at once. */
export class TextBudget {
  #left: number
  #cut = 0

  constructor(characters: number = PAGE_CHARACTERS) {
    this.#left = characters
  }

  /** How many texts are not whole. */
  get cut(): number {
    return this.#cut
  }

  /** The beginning and the end of `text`, in at most about `most` characters; with nothing left, a word about it. */
  fit(text: string, most: number): string {
    const room = Math.min(most, this.#left)
    if (text.length <= room) {
      this.#left -= text.length
      return text
    }
    this.#cut++
    this.#left -= room
    const left = `[... ${text.length - room} characters are not in this page ...]`
    if (room < 200) return left
    // The end tells more than the beginning.
    const head = Math.floor(room / 4)
    return `${text.slice(0, head)}\n${left}\n${text.slice(head - room)}`
  }
}

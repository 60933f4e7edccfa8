export async function buildDebian(): Promise<never> {
  throw new Error('soon')
}

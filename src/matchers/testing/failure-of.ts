/** The error of an assertion that does not hold. */
export async function failureOf(
  assertion: Promise<unknown>,
): Promise<Error & { actual?: unknown; expected?: unknown }> {
  try {
    await assertion
  } catch (error) {
    return error as Error
  }
  throw new Error('the assertion held')
}

/** Its message. */
export async function messageOf(assertion: Promise<unknown>): Promise<string> {
  return (await failureOf(assertion)).message
}

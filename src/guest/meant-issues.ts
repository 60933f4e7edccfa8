import type { z } from 'zod'

type Issue = z.core.$ZodIssue

/** The issues of a value that may be one of several kinds, as those of the kind that it was most likely meant to be. */
export function meantIssues(issues: readonly Issue[]): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue]
    const [closest = []] = [...issue.errors].sort((a, b) => a.length - b.length || depth(b) - depth(a))
    // Wrong by what it is, and not by something in it: all kinds are equally far.
    if (depth(closest) === 0) return [issue]
    return meantIssues(closest).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
  })
}

function depth(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.map(({ path }) => path.length))
}

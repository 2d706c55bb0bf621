// How a case says that it did not pass: the server broke the rule, the set-up failed, or the server does not offer what is judged.

/** The server did not do what the requirement says. */
export class Violation extends Error {}

/** The case could not be carried out: set-up failed, or the server refused for a reason that is not the case's. */
export class Blocked extends Error {}

/** The server does not offer what the case is about, or the run may not do it. */
export class Skipped extends Error {}

export const isJudgement = (thrown: unknown): thrown is Violation | Blocked | Skipped =>
  thrown instanceof Violation || thrown instanceof Blocked || thrown instanceof Skipped

/** Throws unless the condition holds. `expected` completes "expected …". */
export function check(holds: boolean, expected: string, got: string): asserts holds {
  if (!holds) throw new Violation(`expected ${expected}; got ${got}`)
}

/** Text with everything that is not printable ASCII as escapes, so that a report shows it to the octet. */
export const visible = (text: string): string =>
  text.replace(/[^\x20-\x7e]|\\/g, (c) => {
    const known = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '\\': '\\\\' }[c]
    return known ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`
  })

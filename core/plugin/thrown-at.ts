// Where in a plugin's files something was thrown: for the log, which the plugin's author reads.
import { withoutVersion } from './resolve-hook.ts'

/** The first line of its stack that is not Node's own; '' when there is none. */
export function thrownAt(thrown: unknown): string {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
  return withoutVersion(/\n\s+at (?!.*\bnode:)(.*)/.exec(stack)?.[1] ?? '').replace('file://', '')
}

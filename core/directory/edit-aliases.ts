// Changes an alias file line by line: what nobody asked to change stays as it was written.
import { permanent } from '../base/failure.ts'
import { ConfigError } from '../config/problems.ts'
import { parseAliasFile } from './alias-file.ts'
import { editFile } from './edit-file.ts'

/** Throws Failure('permanent') for an alias that is there already, ConfigError for what would not be valid. */
export function addAlias(path: string, name: string, targets: readonly string[]): void {
  editFile(path, (text) => {
    if (has(text, path, name)) throw permanent(`the alias ${name} exists already`)
    const left = /^[^\s:"#]+$/.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`
    const start = text === '' || text.endsWith('\n') ? text : `${text}\n`
    const changed = `${start}${left}: ${targets.join(', ')}\n`
    has(changed, path, name)
    return changed
  })
}

export function removeAlias(path: string, name: string): void {
  editFile(path, (text) => {
    if (!has(text, path, name)) throw permanent(`no such alias: ${name}`)
    const lines = text.split('\n')
    const start = lines.findIndex((line) => /^[^\s#]/.test(line) && has(line, path, name))
    lines.splice(start, endOf(lines, start) - start)
    return lines.join('\n')
  })
}

/** Behind the last line that goes on with the alias of line `start`; comments and empty lines may stand between. */
function endOf(lines: readonly string[], start: number): number {
  const next = lines.findIndex((line, i) => i > start && /^[^\s#]/.test(line))
  const rest = lines.slice(start, next < 0 ? lines.length : next)
  return start + 1 + rest.findLastIndex((line, i) => i === 0 || /^[ \t]+[^\s#]/.test(line))
}

/** A single line may lack its targets: they follow on the next. */
function has(text: string, path: string, name: string): boolean {
  const { value, problems } = parseAliasFile(text, path)
  if (problems.length > 0 && text.includes('\n')) throw new ConfigError(problems)
  return value.has(name.toLowerCase())
}

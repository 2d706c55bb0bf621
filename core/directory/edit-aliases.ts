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
    let end = start + 1
    while (end < lines.length && /^[ \t]+[^\s#]/.test(lines[end]!)) end += 1
    lines.splice(start, end - start)
    return lines.join('\n')
  })
}

/** A single line may lack its targets: they follow on the next. */
function has(text: string, path: string, name: string): boolean {
  const { value, problems } = parseAliasFile(text, path)
  if (problems.length > 0 && text.includes('\n')) throw new ConfigError(problems)
  return value.has(name.toLowerCase())
}

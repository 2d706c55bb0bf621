// Alias files in the syntax of /etc/aliases: quoted names, lists over several lines, :include: files read in at each lookup.
import { dirname, resolve } from 'node:path'
import { temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import type { Problem } from '../config/problems.ts'
import { parseAddress } from '../message/address.ts'
import { parseTargetFile, parseTargets } from './alias-targets.ts'
import type { AliasMap, AliasTarget } from './directory.ts'
import { logicalLines } from './text-lines.ts'
import { type Parsed, WatchedFile } from './watched-file.ts'

/** Depth of :include: files that name others. */
const MAX_INCLUDES = 10
/** Names are compared without letter case. */
export type Aliases = ReadonlyMap<string, readonly AliasTarget[]>

export function parseAliasFile(text: string, path: string): Parsed<Aliases> {
  const value = new Map<string, readonly AliasTarget[]>()
  const problems: Problem[] = []
  for (const { line, text: content } of logicalLines(text)) {
    const wrong = (message: string): void => {
      problems.push({ at: { file: path, line, column: 1 }, path: [], message })
    }
    const parts = splitName(content)
    if (!parts) {
      wrong("expected 'name: target, target …'")
      continue
    }
    const nameError = checkName(parts.name)
    if (nameError) wrong(nameError)
    const { targets, errors } = parseTargets(parts.right)
    errors.forEach((error) => {
      wrong(`alias '${parts.name}': ${error}`)
    })
    if (targets.length === 0 && errors.length === 0)
      wrong(`alias '${parts.name}' leads nowhere (write /dev/null to drop its mail)`)
    const key = parts.name.toLowerCase()
    if (value.has(key)) wrong(`alias '${parts.name}' is there twice`)
    value.set(key, targets)
  }
  return { value, problems }
}

/** `name: right` or `"quoted name": right`. */
function splitName(content: string): { name: string; right: string } | null {
  const quoted = /^"((?:[^"\\]|\\.)+)"\s*:(.*)$/s.exec(content)
  if (quoted) return { name: quoted[1]!.replace(/\\(.)/g, '$1'), right: quoted[2]! }
  const colon = content.indexOf(':')
  const name = content.slice(0, Math.max(colon, 0)).trimEnd()
  return name === '' || name.includes('"') ? null : { name, right: content.slice(colon + 1) }
}

function checkName(name: string): string | null {
  if (name.includes('@'))
    return `'${name}': aliases are local names without a domain (virtual aliases are for whole addresses)`
  return parseAddress(`"${name.replace(/["\\]/g, '\\$&')}"@localhost`).ok ? null : `'${name}' is not a local name`
}

/** An :include: file may hold addresses and further includes; commands and files are refused there, as anyone who may edit a list could run them. */
function parseInclude(text: string, path: string): Parsed<readonly AliasTarget[]> {
  const { targets, problems } = parseTargetFile(text, path, ({ kind }) =>
    kind === 'command' || kind === 'file' ? `a ${kind} may not stand in an :include: file` : null,
  )
  return { value: targets, problems }
}

export class AliasFile implements AliasMap {
  readonly #file: WatchedFile<Aliases>
  readonly #includes = new Map<string, WatchedFile<readonly AliasTarget[]>>()
  readonly #log: Logger

  constructor(path: string, log: Logger, optional = false) {
    this.#file = new WatchedFile(path, parseAliasFile, log, optional ? { missing: new Map() } : {})
    this.#log = log
  }

  lookup(name: string): readonly AliasTarget[] | null {
    const targets = this.#file.get().get(name.toLowerCase())
    return targets ? this.#include(targets, dirname(this.#file.path), 0) : null
  }

  /** The file as it stands, includes not read: for listings. */
  all(): Aliases {
    return this.#file.get()
  }

  problems(): readonly Problem[] {
    return this.#file.problems()
  }

  #include(targets: readonly AliasTarget[], folder: string, depth: number): AliasTarget[] {
    return targets.flatMap((target) => {
      if (target.kind !== 'include') return [target]
      if (depth >= MAX_INCLUDES) throw temporary(`:include:${target.path}: too many files within each other`)
      const path = resolve(folder, target.path)
      const file = this.#includes.get(path) ?? new WatchedFile(path, parseInclude, this.#log)
      this.#includes.set(path, file)
      return this.#include(file.get(), dirname(path), depth + 1)
    })
  }
}

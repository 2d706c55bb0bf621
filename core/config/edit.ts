// Changes one setting in a configuration file: comments and order stay, nothing is written that would not load.
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { Document, isCollection, isScalar, parse, parseDocument } from 'yaml'
import { type LoadedConfig, loadConfig } from './load.ts'
import { ConfigError } from './problems.ts'

/** `value` is YAML (`50MiB`, `[a, b]`, `null`); undefined takes the key out of the file. Throws ConfigError. */
export function setSetting(file: string, key: string, value: string | undefined): LoadedConfig {
  const text = readFileSync(file, 'utf8')
  const document = parseDocument(text)
  const [broken] = document.errors
  if (broken) throw new ConfigError([{ at: null, path: [], message: `${file}: ${broken.message.split('\n')[0]}` }])
  const path = key.split('.')
  const changed = value === undefined ? null : replacedInPlace(text, document, path, value, parseValue(value, key))
  if (changed === null && value === undefined) document.deleteIn(path)
  else if (changed === null) document.setIn(path, document.createNode(parse(value!)))
  return replaceFile(file, changed ?? document.toString({ lineWidth: 120 }), (draft) => loadConfig({ path: draft }))
}

/** The text with nothing but that value changed; null when it is not there, or stands in a block of its own. */
function replacedInPlace(
  text: string,
  document: Document,
  path: string[],
  value: string,
  wanted: unknown,
): string | null {
  const node = document.getIn(path, true)
  if (!isScalar(node) && !(isCollection(node) && node.flow)) return null
  const range = node.range
  if (!range || range[0] === range[1]) return null
  const changed = text.slice(0, range[0]) + value + text.slice(range[1])
  const again = parseDocument(changed)
  if (again.errors.length > 0) return null
  const before = document.toJS() as unknown
  const expected = new Document(before)
  expected.setIn(path, wanted)
  return isDeepStrictEqual(again.toJS(), expected.toJS()) ? changed : null
}

function parseValue(text: string, key: string): unknown {
  try {
    return parse(text) as unknown
  } catch (error) {
    throw new ConfigError([
      { at: null, path: key.split('.'), message: `no YAML: ${(error as Error).message.split('\n')[0]}` },
    ])
  }
}

/** Writes beside the file, has `check` read it there, and only then takes its place: mode and, for root, owner stay. */
function replaceFile<T>(file: string, text: string, check: (draft: string) => T): T {
  const draft = join(dirname(file), `.${process.pid}.estafeta-draft.yaml`)
  const { mode, uid, gid } = statSync(file)
  const fd = openSync(draft, 'wx', 0o600)
  try {
    if (process.getuid?.() === 0) fchownSync(fd, uid, gid)
    fchmodSync(fd, mode & 0o777)
    writeSync(fd, text)
    fsyncSync(fd)
    const checked = check(draft)
    renameSync(draft, file)
    return checked
  } catch (error) {
    unlinkSync(draft)
    throw error instanceof ConfigError ? renamed(error, draft, file) : error
  } finally {
    closeSync(fd)
  }
}

const renamed = (error: ConfigError, draft: string, file: string): ConfigError =>
  new ConfigError(
    error.problems.map((problem) =>
      problem.at?.file === draft ? { ...problem, at: { ...problem.at, file } } : problem,
    ),
  )

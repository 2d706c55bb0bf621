// Changes one setting in a configuration file: comments and order stay, nothing is written that would not load.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse, parseDocument } from 'yaml'
import { type LoadedConfig, loadConfig } from './load.ts'
import { ConfigError } from './problems.ts'

/** `value` is YAML (`50MiB`, `[a, b]`, `null`); undefined takes the key out of the file. Throws ConfigError. */
export function setSetting(file: string, key: string, value: string | undefined): LoadedConfig {
  const document = parseDocument(readFileSync(file, 'utf8'))
  const [broken] = document.errors
  if (broken) throw new ConfigError([{ at: null, path: [], message: `${file}: ${broken.message.split('\n')[0]}` }])
  const path = key.split('.')
  if (value === undefined) document.deleteIn(path)
  else document.setIn(path, document.createNode(parseValue(value, key)))
  return replaceFile(file, document.toString({ lineWidth: 120 }), (draft) => loadConfig({ path: draft }))
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

/** Writes beside the file, has `check` read it there, and only then takes its place. */
function replaceFile<T>(file: string, text: string, check: (draft: string) => T): T {
  const draft = join(dirname(file), `.${process.pid}.estafeta-draft.yaml`)
  const fd = openSync(draft, 'wx', statSync(file).mode & 0o777)
  try {
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

// What every subcommand starts from: which configuration file, and how trouble ends the process.
import { lstatSync, type Stats } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import type { Site } from '../config/site.ts'

/** Exit codes of sysexits.h, as mail programs expect them. */
export const EX = {
  ok: 0,
  failed: 1,
  usage: 64,
  data: 65,
  noInput: 66,
  noUser: 67,
  unavailable: 69,
  software: 70,
  osError: 71,
  cannotCreate: 73,
  ioError: 74,
  tempFail: 75,
  noPermission: 77,
  config: 78,
} as const

/** An error with the exit code it deserves; its message is all that is printed. */
export class CliError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode: number = EX.failed) {
    super(message)
    this.exitCode = exitCode
  }
}

/** `list`, which `parent` runs when no command is named; what is no command comes to it as an argument. */
export const listCommand = (parent: Command): Command =>
  parent
    .command('list', { isDefault: true })
    .allowExcessArguments()
    .hook('preAction', (_, { args: [unknown] }) => {
      if (unknown === undefined) return
      const known = parent.commands.map((command) => command.name()).join(', ')
      throw new CliError(`${parent.name()}: unknown command '${unknown}'; there are ${known}`, EX.usage)
    })

export const SYSTEM_CONFIG = '/etc/estafeta/estafeta.yaml'

/** Set by the program-level option `--config`. */
let chosen: string | null = null
export const chooseConfig = (path: string | null): void => {
  chosen = path
}

/** The configuration file to use (design: --config, $ESTAFETA_CONFIG, the system's, and in a checkout the local ones). */
export function findConfig(): string {
  const named = chosen ?? process.env.ESTAFETA_CONFIG ?? null
  if (named !== null) return resolve(named)
  if (statOrNull(SYSTEM_CONFIG)) return SYSTEM_CONFIG
  // a configuration names code: one that lies about is taken only in a checkout, never as root, and only if it is the caller's own
  if (process.env.ESTAFETA_CHECKOUT && process.getuid?.() !== 0) {
    for (const path of ['estafeta.yaml', '.estafeta-demo/estafeta.yaml']) {
      const stat = statOrNull(path)
      if (stat && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0) return resolve(path)
    }
  }
  throw new CliError(`no configuration: give --config FILE, set ESTAFETA_CONFIG, or write ${SYSTEM_CONFIG}`, EX.config)
}

/** Loads it; a ConfigError goes on to the program's end, which prints its report and exits 78. */
export function loadFound(): LoadedConfig & { readonly path: string } {
  const path = findConfig()
  return { ...loadConfig({ path }), path }
}

export async function loadSite(): Promise<{ site: Site; path: string }> {
  const loaded = loadFound()
  return { site: loaded.site, path: loaded.path }
}

function statOrNull(path: string): Stats | null {
  try {
    return lstatSync(path)
  } catch {
    return null
  }
}

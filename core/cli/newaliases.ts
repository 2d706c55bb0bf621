// newaliases: Estafeta reads its alias file anew by itself; this checks it and counts, as the traditional command reports.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { ConfigError } from '../config/problems.ts'
import { parseAliasFile } from '../directory/alias-file.ts'
import { CliError, EX, loadSite } from './context.ts'
import { print } from './output.ts'

export function build(): Command {
  return new Command('newaliases').allowUnknownOption().allowExcessArguments().action(checkAliases)
}

export async function checkAliases(): Promise<void> {
  const { site } = await loadSite()
  const path = join(site.data, 'aliases')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    throw new CliError(`cannot read ${path}: ${(thrown as Error).message}`, EX.noInput)
  }
  const parsed = parseAliasFile(text, path)
  if (parsed.problems.length > 0) throw new CliError(new ConfigError(parsed.problems).format(), EX.data)
  print(`${path}: ${parsed.value.size} aliases`)
}

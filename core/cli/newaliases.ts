// newaliases: Estafeta reads its alias files anew by itself; this checks them and counts, as the traditional command reports.
import { existsSync } from 'node:fs'
import { Command } from 'commander'
import { ConfigError } from '../config/problems.ts'
import { CliError, EX, loadFound } from './context.ts'
import { aliasFiles, readAliasFile } from './directory-access.ts'
import { print } from './output.ts'

export function build(): Command {
  return new Command('newaliases').allowUnknownOption().allowExcessArguments().action(checkAliases)
}

export async function checkAliases(): Promise<void> {
  for (const path of aliasFiles(loadFound())) {
    if (!existsSync(path)) throw new CliError(`there is no ${path}`, EX.noInput)
    try {
      print(`${path}: ${readAliasFile(path).aliases.size} aliases`)
    } catch (thrown) {
      if (thrown instanceof ConfigError) throw new CliError(thrown.format(), EX.data)
      throw thrown
    }
  }
}

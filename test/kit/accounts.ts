// System accounts that a package's installation would have made: a package that is only unpacked lacks them.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Id of a user, made without a home when missing. Needs root for that. */
export function systemUser(name: string): number {
  if (idIn('/etc/passwd', name) === null)
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', name])
  return idIn('/etc/passwd', name)!
}

/** Id of a group, made when missing. Needs root for that. */
export function systemGroup(name: string): number {
  if (idIn('/etc/group', name) === null) execFileSync('groupadd', ['--system', name])
  return idIn('/etc/group', name)!
}

function idIn(file: string, name: string): number | null {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name}:`))
  return line === undefined ? null : Number(line.split(':')[2])
}

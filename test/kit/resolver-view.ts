// Lets a program that knows the system's resolver alone ask another one.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The command that starts `program` where resolv.conf names `dns`, an IPv4 address with a resolver on port 53. Needs root; nobody else sees it. */
export function withResolver(folder: string, dns: string, program: readonly string[]): string[] {
  const path = join(folder, 'resolv.conf')
  writeFileSync(path, `nameserver ${dns}\n`, { mode: 0o644 })
  const script = 'mount --bind "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"'
  return ['unshare', '--mount', '--', 'sh', '-c', script, path, ...program]
}

// Who may write the configuration: it names code and keys, so that started as root it is root's to write.
import { statSync } from 'node:fs'
import type { LoadedConfig } from '../config/load.ts'
import type { Problem } from '../config/problems.ts'

/** Empty when nobody but its owner, and root's own group, may write the file. */
export function openToOthers({ path, problem }: LoadedConfig): Problem[] {
  const stat = path === null ? undefined : statSync(path, { throwIfNoEntry: false })
  if (!stat) return []
  const group = (stat.mode & 0o020) !== 0 && stat.gid !== 0
  if (!group && (stat.mode & 0o002) === 0) return []
  return [problem([], 'others than its owner can write it, and so have their code run by the server: chmod go-w')]
}

// Runs a program of unpacked packages as if they were installed: it sees them at their places, and what it writes there is its own.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, type DaemonOptions, startDaemon } from './daemon.ts'
import { peerEnvironment, peerTree } from './peers.ts'

export interface InstalledView {
  readonly packages: readonly string[]
  /** Where the script lies; the program's own writes below /etc, /usr, /var and /run stay in memory. */
  readonly folder: string
  /** Shell lines that run as root inside the view; the last is the program (`exec …`). */
  readonly script: string
}

const PLACES = ['etc', 'usr', 'var', 'run']

/** Needs root and a kernel with overlay file systems. Nobody else sees the mounts, and they end with the daemon. */
export function startInstalled(
  { packages, folder, script }: InstalledView,
  options: Omit<DaemonOptions, 'env' | 'signal'> = {},
): Daemon {
  const own = join(folder, 'own')
  const mounts = PLACES.map((place) => {
    const layers = [...packages.map((name) => peerTree(name, place)).filter((path) => existsSync(path)), `/${place}`]
    const files = join(own, place)
    return `mkdir ${files} ${files}.work
mount -t overlay overlay -o lowerdir=${layers.join(':')},upperdir=${files},workdir=${files}.work /${place}
`
  })
  const path = join(folder, 'start.sh')
  writeFileSync(path, `set -e\nmkdir ${own}\nmount -t tmpfs tmpfs ${own}\n${mounts.join('')}${script}`)
  // the program is the first of a process namespace: whatever it started, however far away, ends with it
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const rest = { ...options, signal: 'SIGKILL', env: peerEnvironment(...packages) } as const
  return startDaemon('unshare', [...namespaces, '--', 'sh', path], rest)
}

// Binds a server to an address of the configuration; what stands in the way is told in the operator's words.
import type { ListenOptions, Server } from 'node:net'
import { temporary } from '../base/failure.ts'
import type { ListenerSettings, Site } from '../config/site.ts'

const BACKLOG = 1024

/** Where a listener listens, as messages name it. */
export type Place = Pick<ListenerSettings, 'service' | 'host' | 'port' | 'path'>

/** `*` is every address that `protocols` and the machine allow. */
export async function bindAddress(server: Server, place: Place, protocols: Site['protocols']): Promise<void> {
  const { host, port } = place
  if (host !== '*') return listen(server, { port, host }, place)
  if (protocols === 'ipv4') return listen(server, { port, host: '0.0.0.0' }, place)
  if (protocols === 'ipv6') return listen(server, { port, host: '::', ipv6Only: true }, place)
  try {
    await listen(server, { port, host: '::' }, place)
  } catch (error) {
    const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error
    await listen(server, { port, host: '0.0.0.0' }, place)
  }
}

export function listen(
  server: Server,
  options: ListenOptions | Server | { readonly fd: number },
  place: Place,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      server.off('listening', done)
      reject(temporary(bindMessage(error, place), { cause: error }))
    }
    const done = (): void => {
      server.off('error', failed)
      resolve()
    }
    server.once('error', failed)
    server.once('listening', done)
    server.listen(options, BACKLOG)
  })
}

function bindMessage(error: NodeJS.ErrnoException, { service, host, port, path }: Place): string {
  const where = path ?? `${host}:${port}`
  const reasons: { [code: string]: string } = {
    EADDRINUSE: 'another program listens there already',
    EACCES: path ? 'no permission for this path' : 'no permission: ports below 1024 need root',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'this host name has no address',
    ENOENT: 'its folder does not exist',
  }
  return `${service}: cannot listen on ${where}: ${reasons[error.code ?? ''] ?? error.message}`
}

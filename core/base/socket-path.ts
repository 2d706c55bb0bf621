// Where the server's unix sockets lie: under `<data>/run`, or at a short name when that is too long for a socket address.
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** sockaddr_un holds 108 octets, the final NUL included. */
const MAX_SOCKET_PATH = 107

export type SocketName = 'control' | 'submit'

/** The same for server and client; a short name stands in a folder of the data folder's own, named by a digest. */
export function socketPath(data: string, name: SocketName): string {
  const path = join(resolve(data), 'run', `${name}.sock`)
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path
  const digest = createHash('sha256').update(resolve(data)).digest('hex').slice(0, 16)
  return join(tmpdir(), `estafeta-${digest}`, `${name}.sock`)
}

// TLS on the server's side: certificate and key from files with reload, a self-signed pair at first start, and the upgrade of a socket.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { createSelfSigned } from './self-signed.ts'

/** A client that has not finished its handshake by then is cut off. */
export const HANDSHAKE_TIMEOUT_MS = 30_000

export interface TlsInfo {
  readonly version: string
  readonly cipher: string
  /** Host name the client asked for by SNI. */
  readonly serverName: string | null
  readonly clientSubject: string | null
  readonly clientFingerprint: string | null
}

export interface TlsService {
  /** PEM of the certificate in use. */
  readonly certificate: string
  readonly selfSigned: boolean
  /**
   * Does the server's side of a handshake on a connected socket that has no readers (STARTTLS: after LineReader.detach).
   * Gives a socket in paused mode. Rejects, with the socket destroyed, when the handshake fails or takes too long.
   */
  upgrade(socket: Socket): Promise<TLSSocket>
  /** Reads certificate and key anew, from other files when they are given; throws, keeping the old ones, when they cannot be used. */
  reload(files?: TlsSettings['files']): Promise<void>
}

export interface TlsSettings {
  /** Paths of PEM files; null: a self-signed pair under `<data>/tls/`. */
  readonly files: { readonly cert: string; readonly key: string } | null
  readonly data: string
  readonly hostname: string
  readonly clock: Clock
  readonly log: Logger
  /** Reads the key where the server itself may not (the broker's `readKey`). */
  readonly readKey?: (path: string) => Promise<Buffer>
}

/** Throws an Error that names the file when certificate or key cannot be read or do not belong together. */
export async function openTls(settings: TlsSettings): Promise<TlsService> {
  let { files } = settings
  const read = async (wanted: TlsSettings['files']) =>
    wanted ? load(wanted, settings.readKey) : load(await selfSignedFiles(settings))
  let loaded = await read(files)
  return {
    get certificate() {
      return loaded.cert
    },
    get selfSigned() {
      return files === null
    },
    upgrade: (socket) => upgrade(socket, loaded.context, settings.clock),
    async reload(wanted = files) {
      loaded = await read(wanted)
      files = wanted
    },
  }
}

async function load(
  files: { cert: string; key: string },
  readKey?: TlsSettings['readKey'],
): Promise<{ context: SecureContext; cert: string }> {
  // what keeps keys in a folder of root's own has the certificates there too
  const read = async (path: string): Promise<Buffer> => {
    try {
      return readKey ? await readKey(path) : readFileSync(path)
    } catch (error) {
      throw new Error(`cannot read ${path}: ${(error as Error).message}`, { cause: error })
    }
  }
  const cert = await read(files.cert)
  const key = await read(files.key)
  try {
    return { context: createSecureContext({ cert, key, minVersion: 'TLSv1.2' }), cert: cert.toString('latin1') }
  } catch (error) {
    throw new Error(`${files.cert} and ${files.key} cannot be used: ${(error as Error).message}`, { cause: error })
  }
}

async function selfSignedFiles(settings: TlsSettings): Promise<{ cert: string; key: string }> {
  const folder = join(settings.data, 'tls')
  const files = { cert: join(folder, 'self-signed.crt'), key: join(folder, 'self-signed.key') }
  try {
    readFileSync(files.cert)
    readFileSync(files.key)
    return files
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const made = await createSelfSigned(settings.hostname, settings.clock.now())
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeWhole(files.key, made.key)
  writeWhole(files.cert, made.cert)
  settings.log.warn(`made a self-signed certificate for ${settings.hostname}: ${files.cert}`)
  return files
}

function writeWhole(path: string, text: string): void {
  writeFileSync(path + '.new', text, { mode: 0o600, flush: true })
  renameSync(path + '.new', path)
}

/**
 * What a `TLSSocket` that no `tls.Server` made tells of an error behind the handshake: a record that cannot be
 * decrypted, a fatal alert, one renegotiation too many. Nobody else closes it then (RFC 8446 §6.2).
 */
const BROKEN_TLS = '_tlsError'

function destroyBroken(this: TLSSocket, error: Error): void {
  this.destroy(error)
}

function upgrade(socket: Socket, secureContext: SecureContext, clock: Clock): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = new TLSSocket(socket, { isServer: true, secureContext })
    const timer = clock.after(HANDSHAKE_TIMEOUT_MS, () => secure.destroy(new Error('handshake took too long')))
    const settle = (): void => {
      timer.cancel()
      secure.off('secure', succeed)
      secure.off('error', fail)
      secure.off('end', closed)
      socket.off('end', closed)
      secure.off('close', closed)
    }
    const succeed = (): void => {
      settle()
      secure.on(BROKEN_TLS, destroyBroken)
      secure.pause()
      resolve(secure)
    }
    const fail = (error: Error): void => {
      settle()
      secure.on('error', () => {})
      secure.destroy()
      socket.destroy()
      // OpenSSL's own message holds source paths and line ends
      const { reason } = error as Error & { reason?: string }
      reject(reason === undefined ? error : new Error(reason, { cause: error }))
    }
    const closed = (): void => fail(new Error('connection closed within the handshake'))
    secure.on('secure', succeed)
    secure.on('error', fail)
    // the peer may have closed its side before the handshake, or within it
    secure.on('end', closed)
    socket.on('end', closed)
    secure.on('close', closed)
    if (socket.readableEnded) closed()
  })
}

/** What a session tells about its TLS; null on a plain socket. */
export function tlsInfo(socket: Socket): TlsInfo | null {
  if (!(socket instanceof TLSSocket)) return null
  const named = (socket as TLSSocket & { servername?: string | false | null }).servername
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    serverName: typeof named === 'string' ? named : null,
    clientSubject: null,
    clientFingerprint: null,
  }
}

// A private clamd with two test signatures: the EICAR file, and the EICAR text anywhere in a file.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePort } from '../free-port.ts'
import { needPackages, peerEnvironment, peerPath } from '../peers.ts'

/** The EICAR test file, put together here so that no scanner takes this source for one. */
export const EICAR = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE', '!$H+H*'].join('')

export interface Clamd extends Daemon {
  readonly socket: string
  readonly host: string
  readonly port: number
}

export interface ClamdOptions {
  readonly port?: number
  /** StreamMaxLength and MaxFileSize, octets: 25 MiB by default. */
  readonly streamMaxLength?: number
  readonly maxThreads?: number
}

export async function startClamd(options: ClamdOptions = {}): Promise<Clamd> {
  await needPackages(['clamav-daemon'])
  const folder = scratch('clamd')
  const port = options.port ?? (await freePort())
  const socket = join(folder.path, 'clamd.sock')
  const config = join(folder.path, 'clamd.conf')
  writeSignatures(join(folder.path, 'db'))
  const limit = options.streamMaxLength ?? 25 * 1024 * 1024
  writeFileSync(
    config,
    `Foreground yes
DatabaseDirectory ${join(folder.path, 'db')}
LocalSocket ${socket}
TCPAddr 127.0.0.1
TCPSocket ${port}
StreamMaxLength ${limit}
MaxFileSize ${limit}
MaxThreads ${options.maxThreads ?? 10}
SelfCheck 0
TemporaryDirectory ${folder.path}
`,
  )
  const daemon = startDaemon(peerPath('clamav-daemon', 'usr/sbin/clamd'), ['-c', config], {
    env: peerEnvironment('clamav-daemon'),
  })
  void daemon.ended.then(folder.remove)
  await listening(daemon, { port })
  await listening(daemon, { path: socket })
  return { ...daemon, socket, host: '127.0.0.1', port }
}

function writeSignatures(folder: string): void {
  mkdirSync(folder)
  const bytes = Buffer.from(EICAR)
  const md5 = createHash('md5').update(bytes).digest('hex')
  writeFileSync(join(folder, 'test.hdb'), `${md5}:${bytes.length}:Eicar-Test-File\n`)
  writeFileSync(join(folder, 'test.ndb'), `Eicar-Test-Body:0:*:${bytes.toString('hex')}\n`)
}

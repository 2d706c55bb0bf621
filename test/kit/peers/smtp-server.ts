// A private server on npm's smtp-server, installed into the tests' cache: each message is one synced file, which goes when it was acknowledged.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePort } from '../free-port.ts'
import { npmPeer } from '../npm-peer.ts'

export const SMTP_SERVER_VERSION = '3.21.6'

export interface SmtpServer extends Daemon {
  readonly port: number
}

const PROGRAM = fileURLToPath(
  new URL(`./smtp-server-program${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)

export async function startSmtpServer(): Promise<SmtpServer> {
  const library = npmPeer('smtp-server', SMTP_SERVER_VERSION, '2026-12-01')
  const { path: folder, remove } = scratch('smtp-server')
  const port = await freePort()
  const spool = join(folder, 'spool')
  mkdirSync(spool)
  const daemon = startDaemon(process.execPath, [PROGRAM, library, String(port), spool])
  void daemon.ended.then(remove)
  await listening(daemon, { port })
  return { ...daemon, port }
}

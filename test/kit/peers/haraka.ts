// A private Haraka, installed by npm into the tests' cache: takes mail for one domain and drops it, with TLS and AUTH.
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, listening, scratch, startDaemon } from '../daemon.ts'
import { freePort } from '../free-port.ts'
import { npmPeer } from '../npm-peer.ts'

export interface HarakaOptions {
  /** Any local part of it is accepted, as Haraka's `rcpt_to.in_host_list` does. */
  readonly domain: string
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly auth?: { readonly [user: string]: string }
}

export interface Haraka extends Daemon {
  readonly port: number
}

export const HARAKA_VERSION = '3.2.1'

export async function startHaraka(options: HarakaOptions): Promise<Haraka> {
  const haraka = npmPeer('Haraka', HARAKA_VERSION, '2026-06-01')
  const { path: folder, remove } = scratch('haraka')
  const port = await freePort()
  const config = join(folder, 'config')
  mkdirSync(join(folder, 'queue'))
  // what `haraka -i` does
  cpSync(join(haraka, 'config'), config, { recursive: true })
  const write = (name: string, text: string): void => writeFileSync(join(config, name), text)
  write('me', 'haraka.test\n')
  write('smtp.ini', `listen=127.0.0.1:${port}\nnodes=0\n`)
  write('host_list', `${options.domain}\n`)
  write(
    'plugins',
    [
      'rcpt_to.in_host_list',
      ...(options.tls ? ['tls'] : []),
      ...(options.auth ? ['auth/flat_file'] : []),
      'queue/discard',
      '',
    ].join('\n'),
  )
  if (options.auth) {
    const users = Object.entries(options.auth).map(([name, password]) => `${name}=${password}\n`)
    write(
      'auth_flat_file.ini',
      `[core]\nmethods=PLAIN,LOGIN,CRAM-MD5\nconstrain_sender=false\n[users]\n${users.join('')}`,
    )
  }
  if (options.tls) {
    copyFileSync(options.tls.cert, join(config, 'tls_cert.pem'))
    copyFileSync(options.tls.key, join(config, 'tls_key.pem'))
  }
  const daemon = startDaemon(process.execPath, [join(haraka, 'bin/haraka'), '-c', folder], {
    // its own safeguard against dropping mail by mistake
    env: { ...process.env, YES_REALLY_DO_DISCARD: '1' },
    signal: 'SIGKILL',
  })
  void daemon.ended.then(remove)
  await listening(daemon, { port })
  return { ...daemon, port }
}

// A site of system users, started as root: accounts of this machine that go again, a mail spool, a local-only server.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { BIN, type RunningCommand, startCommand } from './command.ts'
import { freePort } from './free-port.ts'

export const isRoot = process.getuid?.() === 0

export interface UserSite {
  readonly folder: string
  readonly spool: string
  readonly port: number
  readonly config: string
  /** The account the server runs as. */
  readonly account: string
  server: RunningCommand
  start(): Promise<void>
  /** The queue id, once the message is in the queue. */
  submit(to: string, subject: string, text?: string): Promise<string>
  /** The queue id, once the message has left the queue. */
  send(to: string, subject: string): Promise<string>
  /** Writes ~/.forward as that user would. */
  forward(user: string, text: string): void
  close(): Promise<void>
}

/** Name of an account for this test run. */
export const accountName = (name: string): string => `et${process.pid}${name}`

export const uidOf = (user: string): number => Number(execFileSync('id', ['-u', user]))
export const gidOf = (group: string): number =>
  Number(execFileSync('getent', ['group', group]).toString().split(':')[2])

/** As Debian has /var/mail: of root and the group mail, which may write there. */
export function makeSpool(folder: string): string {
  const spool = join(folder, 'mail-spool')
  mkdirSync(spool)
  chownSync(spool, 0, gidOf('mail'))
  chmodSync(spool, 0o2775)
  return spool
}

/** `users` exist until `close`; the first is the postmaster and the last sends. `delivery` are more settings of deliver-local. */
export async function startUserSite(users: readonly string[], delivery = ''): Promise<UserSite> {
  const account = accountName('srv')
  const accounts = [account, ...users]
  for (const user of accounts) execFileSync('useradd', ['--create-home', '--shell', '/bin/sh', user])
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-users-'))
  chmodSync(folder, 0o755)
  const spool = makeSpool(folder)
  const port = await freePort()
  const config = join(folder, 'estafeta.yaml')
  writeFileSync(
    config,
    [
      'profile: local-only',
      'hostname: box.test',
      'origin: box.test',
      'domains: [box.test]',
      `postmaster: ${users[0]}`,
      `user: ${account}`,
      `data: ${join(folder, 'data')}`,
      `listen: { smtp: ["127.0.0.1:${port}"] }`,
      'queue: { minFree: 0 }',
      `plugins: { deliver-local: { mailSpool: ${spool}, ${delivery} } }`,
    ].join('\n'),
  )
  const site: UserSite = {
    folder,
    spool,
    port,
    config,
    account,
    server: startAsRoot(config),
    async start() {
      site.server = startAsRoot(config)
      await site.server.printed(/started, version/)
    },
    async submit(to, subject, text = 'hello\nFrom here on') {
      const transport = createTransport({ host: '127.0.0.1', port, ignoreTLS: true })
      const { response } = await transport.sendMail({ from: `${users.at(-1)}@box.test`, to, subject, text })
      return /queued as (\w+)/.exec(response)![1]!
    },
    async send(to, subject) {
      const id = await site.submit(to, subject)
      await site.server.printed(new RegExp(`${id}: removed`))
      return id
    },
    forward(user, text) {
      const path = `/home/${user}/.forward`
      writeFileSync(path, text, { mode: 0o600 })
      chownSync(path, uidOf(user), statSync(`/home/${user}`).gid)
    },
    async close() {
      await site.server.stop()
      for (const user of accounts) execFileSync('userdel', ['--remove', user], { stdio: 'ignore' })
      rmSync(folder, { recursive: true })
    },
  }
  await site.server.printed(/started, version/)
  return site
}

/** With the capabilities that the example of a systemd unit leaves to root. */
function startAsRoot(config: string): RunningCommand {
  const unit = readFileSync('docs/examples/estafeta.service', 'utf8')
  const kept = /^CapabilityBoundingSet=(.*)$/m.exec(unit)![1]!.split(' ')
  const set = ['-all', ...kept.map((name) => name.toLowerCase().replace('cap_', '+'))].join(',')
  return startCommand('setpriv', ['--bounding-set', set, `${BIN}estafeta`, '--config', config, 'serve'])
}

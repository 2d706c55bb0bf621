// Memory of many idle sessions: SMTP after EHLO, IMAP in IDLE, in the clear, over TLS and with a large folder selected; proportional set size of the whole process tree.
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createAuthority, writeCertificate } from '../../kit/certificates.ts'
import { freePort } from '../../kit/free-port.ts'
import { alternate, type Context, place, type Work } from '../context.ts'
import type { CorpusMessage } from '../corpus.ts'
import { ImapClient } from '../imap-client.ts'
import { fillMaildir, ourMaildir } from '../maildir.ts'
import { startMeasuredDovecot, startMeasuredPostfix } from '../peer.ts'
import { pssMiB } from '../procstat.ts'
import type { Figure } from '../report.ts'
import { type Measured, PASSWORD, startEstafeta, USERS, writeUsers } from '../server.ts'
import { replies } from '../smtp-load.ts'

const SMTP_SESSIONS = 1000
const IMAP_SESSIONS = 2000
const FOLDER = 10_000
/** Until garbage is collected and processes have settled. */
const SETTLE_MS = 3000

export const idle: Work = {
  name: 'idle',
  description: `memory of ${SMTP_SESSIONS} idle SMTP and ${IMAP_SESSIONS} idle IMAP sessions`,
  async run(context) {
    return [
      ...(await smtp(context)),
      ...(await imap(context, { work: `${IMAP_SESSIONS} IMAP sessions in IDLE`, each: 20 })),
      ...(await imap(context, { work: `${IMAP_SESSIONS} IMAP sessions in IDLE, TLS`, each: 64, tls: true })),
      ...(await imap(context, {
        work: `${IMAP_SESSIONS} IMAP sessions in IDLE, ${FOLDER} messages`,
        each: 30,
        large: true,
      })),
    ]
  },
}

interface Memory {
  /** MiB of all, sessions open. */
  readonly total: number
  /** KiB a session above the state without any. */
  readonly each: number
}

async function measure(server: Measured, count: number, open: (n: number) => Promise<() => void>): Promise<Memory> {
  // what the first session brings to life (threads, caches) is not a session's cost
  const first = await open(0)
  first()
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const before = pssMiB(server.pids)
  const close: (() => void)[] = []
  while (close.length < count)
    close.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(20, count - close.length) }, (_, i) => open(close.length + i)),
      )),
    )
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const total = pssMiB(server.pids)
  for (const one of close) one()
  await server.stop()
  return { total, each: ((total - before) / count) * 1024 }
}

async function figures(
  context: Context,
  work: string,
  peer: string,
  ours: () => Promise<Memory>,
  theirs: () => Promise<Memory>,
  targets: { total?: number; each: number },
): Promise<Figure[]> {
  const pair = await alternate(context, work, ours, theirs, ({ each }) => `${each.toFixed(1)} KiB a session`)
  const of = (key: keyof Memory) => ({ ours: pair.ours.map((m) => m[key]), theirs: pair.theirs.map((m) => m[key]) })
  const total = targets.total === undefined ? {} : { target: { ratio: targets.total } }
  return [
    { ...of('total'), ...total, work, unit: 'MiB in all', peer, better: 'lower' },
    { ...of('each'), work: '  a session', unit: 'KiB', peer, better: 'lower', target: { value: targets.each } },
  ]
}

async function smtp(context: Context): Promise<Figure[]> {
  const folder = place(context, 'idle-ours')
  writeUsers(`${folder}/data`)
  const ours = async () => {
    const port = await freePort()
    const server = await startEstafeta(folder, { listen: { smtp: [`127.0.0.1:${port}`] } }, [port])
    return measure(server, SMTP_SESSIONS, () => smtpSession(port))
  }
  const theirs = async () => {
    const server = await startMeasuredPostfix({
      sessions: SMTP_SESSIONS + 100,
      main: { default_process_limit: SMTP_SESSIONS + 100, smtpd_client_connection_count_limit: 0 },
    })
    return measure(server, SMTP_SESSIONS, () => smtpSession(server.postfix.port))
  }
  return figures(context, `${SMTP_SESSIONS} idle SMTP sessions`, 'Postfix', ours, theirs, { total: 0.091, each: 22 })
}

async function smtpSession(port: number): Promise<() => void> {
  const socket: Socket = connect(port, '127.0.0.1')
  const reply = replies(socket)
  await once(socket, 'connect')
  await reply('220')
  socket.write('EHLO client.test\r\n')
  await reply('250')
  return () => socket.destroy()
}

interface ImapCase {
  readonly work: string
  /** KiB a session at most. */
  readonly each: number
  readonly tls?: true
  /** All have the same large folder selected. */
  readonly large?: true
}

async function imap(context: Context, { work, each, tls, large }: ImapCase): Promise<Figure[]> {
  const folder = place(context, `idle-imap-ours${tls ? '-tls' : large ? '-large' : ''}`)
  const data = join(folder, 'data')
  writeUsers(data)
  const { path, parents } = ourMaildir(data)
  if (large) fillMaildir(path, parents, shortMessages())
  const userOf = (n: number): string => USERS[large ? 0 : n % 100]!
  const ours = async () => {
    const port = await freePort()
    const listen = { [tls ? 'imaps' : 'imap']: [`127.0.0.1:${port}`] }
    const server = await startEstafeta(folder, { listen }, [port])
    return measure(server, IMAP_SESSIONS, (n) => imapSession(port, `${userOf(n)}@peer.test`, tls))
  }
  const certificates = join(folder, 'certificates')
  mkdirSync(certificates)
  const pair = writeCertificate(certificates, 'dovecot', await (await createAuthority()).issue())
  const theirs = async () => {
    const server = await startMeasuredDovecot(tls ? { tls: pair } : {})
    const { dovecot } = server
    const home = dovecot.home(USERS[0]!)
    if (large) fillMaildir(join(home, 'Maildir'), [home], shortMessages())
    return measure(server, IMAP_SESSIONS, (n) => imapSession(tls ? dovecot.imaps : dovecot.imap, userOf(n), tls))
  }
  return figures(context, work, 'Dovecot', ours, theirs, { each })
}

async function imapSession(port: number, user: string, tls = false): Promise<() => void> {
  const client = await ImapClient.open(port, user, PASSWORD, tls)
  await client.command('SELECT INBOX')
  await client.idle()
  return () => client.destroy()
}

function* shortMessages(): Generator<CorpusMessage> {
  for (let n = 0; n < FOLDER; n++)
    yield { bytes: Buffer.from(`From: a@b.test\r\nSubject: ${n}\r\n\r\nHello\r\n`), time: 1_700_000_000 + n }
}

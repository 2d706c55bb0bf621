// Memory of sessions that sit idle: 1,000 SMTP sessions after EHLO, 2,000 IMAP sessions in IDLE.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { freePort, freePorts } from '../../kit/free-port.ts'
import { type Context, place, type Work } from '../context.ts'
import { ImapClient } from '../imap-client.ts'
import { startMeasuredDovecot, startMeasuredPostfix } from '../peer.ts'
import { pssMiB } from '../procstat.ts'
import type { Figure } from '../report.ts'
import { type Measured, PASSWORD, startEstafeta, USERS, writeUsers } from '../server.ts'
import { replies } from '../smtp-load.ts'

const SMTP_SESSIONS = 1000
const IMAP_SESSIONS = 2000
/** Until garbage is collected and processes have settled. */
const SETTLE_MS = 3000

export const idle: Work = {
  name: 'idle',
  description: `memory of ${SMTP_SESSIONS} idle SMTP and ${IMAP_SESSIONS} idle IMAP sessions`,
  async run(context) {
    return [...(await smtp(context)), ...(await imap(context))]
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
  return { total, each: ((total - before) / count) * 1024 }
}

const figures = (
  work: string,
  peer: string,
  ours: Memory,
  theirs: Memory,
  targets: { total?: number; each: number },
): Figure[] => [
  {
    work,
    unit: 'MiB in all',
    ours: [ours.total],
    theirs: [theirs.total],
    peer,
    better: 'lower',
    ...(targets.total === undefined ? {} : { target: { ratio: targets.total } }),
  },
  {
    work: '  a session',
    unit: 'KiB',
    ours: [ours.each],
    theirs: [theirs.each],
    peer,
    better: 'lower',
    target: { value: targets.each },
  },
]

async function smtp(context: Context): Promise<Figure[]> {
  const port = await freePort()
  const folder = place(context, 'idle-ours')
  writeUsers(`${folder}/data`)
  const ours = await startEstafeta(folder, { listen: { smtp: [`127.0.0.1:${port}`] } }, [port])
  const our = await measure(ours, SMTP_SESSIONS, () => smtpSession(port))
  await ours.stop()
  const theirs = await startMeasuredPostfix({
    sessions: SMTP_SESSIONS + 100,
    main: { default_process_limit: SMTP_SESSIONS + 100, smtpd_client_connection_count_limit: 0 },
  })
  const their = await measure(theirs, SMTP_SESSIONS, () => smtpSession(theirs.postfix.port))
  await theirs.stop()
  context.say(`SMTP: ours ${our.each.toFixed(1)} KiB a session, theirs ${their.each.toFixed(1)}`)
  return figures(`${SMTP_SESSIONS} idle SMTP sessions`, 'Postfix', our, their, { total: 0.091, each: 22 })
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

async function imap(context: Context): Promise<Figure[]> {
  const [port = 0] = await freePorts(1)
  const folder = place(context, 'idle-imap-ours')
  writeUsers(`${folder}/data`)
  const ours = await startEstafeta(folder, { listen: { imap: [`127.0.0.1:${port}`] } }, [port])
  const our = await measure(ours, IMAP_SESSIONS, (n) => imapSession(port, `${USERS[n % 100]}@peer.test`))
  await ours.stop()
  const theirs = await startMeasuredDovecot()
  const their = await measure(theirs, IMAP_SESSIONS, (n) => imapSession(theirs.dovecot.imap, USERS[n % 100]!))
  await theirs.stop()
  context.say(`IMAP: ours ${our.each.toFixed(1)} KiB a session, theirs ${their.each.toFixed(1)}`)
  return figures(`${IMAP_SESSIONS} IMAP sessions in IDLE`, 'Dovecot', our, their, { each: 20 })
}

async function imapSession(port: number, user: string): Promise<() => void> {
  const client = await ImapClient.open(port, user, PASSWORD)
  await client.command('SELECT INBOX')
  await client.idle()
  return () => client.destroy()
}

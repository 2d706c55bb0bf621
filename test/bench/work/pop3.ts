// Fetching from a mailbox of 10,000 realistic messages over POP3, on Maildir both.
import { join } from 'node:path'
import { freePort } from '../../kit/free-port.ts'
import { alternate, type Context, place, type Work } from '../context.ts'
import { corpus } from '../corpus.ts'
import { fillMaildir, ourMaildir } from '../maildir.ts'
import { startMeasuredDovecot } from '../peer.ts'
import { Pop3Client } from '../pop3-client.ts'
import { atRest } from '../procstat.ts'
import type { Figure } from '../report.ts'
import { PASSWORD, startEstafeta, USERS, writeUsers } from '../server.ts'

const COUNT = 10_000
const FETCHED = 1000
const CYCLES = 100

interface Side {
  readonly port: number
  readonly user: string
}

export const pop3: Work = {
  name: 'pop3',
  description: `fetch from a mailbox of ${COUNT.toLocaleString('en')} messages over POP3`,
  async run(context) {
    const port = await freePort()
    const folder = place(context, 'pop3-ours')
    const data = join(folder, 'data')
    writeUsers(data)
    const { path, parents } = ourMaildir(data)
    fillMaildir(path, parents, corpus(COUNT))
    const dovecot = await startMeasuredDovecot()
    const home = dovecot.dovecot.home(USERS[0]!)
    fillMaildir(join(home, 'Maildir'), [home], corpus(COUNT))
    const estafeta = await startEstafeta(folder, { listen: { pop3: [`127.0.0.1:${port}`] } }, [port])
    const our: Side = { port, user: `${USERS[0]}@peer.test` }
    const their: Side = { port: dovecot.dovecot.pop3, user: USERS[0]! }
    // the first login of all reads the whole mailbox, on both sides; we then make an index of it
    for (const side of [our, their]) await (await openOn(side)).quit()
    await atRest([...estafeta.pids, ...dovecot.pids])
    const figures = [
      await compare(context, our, their, { work: `login, ${COUNT} messages`, unit: 'ms', target: 0.3, run: login }),
      await compare(context, our, their, { work: `RETR ${FETCHED}, pipelined`, unit: 'ms', target: 0.7, run: fetch }),
      await compare(context, our, their, { work: 'login, STAT, QUIT', unit: 'cycles/s', target: 10, run: cycles }),
    ]
    await estafeta.stop()
    await dovecot.stop()
    return figures
  },
}

const openOn = ({ port, user }: Side): Promise<Pop3Client> => Pop3Client.open(port, user, PASSWORD)

async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}

/** From connecting to the +OK of PASS. */
async function login(side: Side): Promise<number> {
  const started = performance.now()
  const client = await openOn(side)
  const ms = performance.now() - started
  await client.quit()
  return ms
}

async function fetch(side: Side): Promise<number> {
  const client = await openOn(side)
  const ms = await timed(() => client.multi(Array.from({ length: FETCHED }, (_, n) => `RETR ${n + 1}`)))
  await client.quit()
  return ms
}

/** One client, each time on a new connection. */
async function cycles(side: Side): Promise<number> {
  const ms = await timed(async () => {
    for (let n = 0; n < CYCLES; n++) {
      const client = await openOn(side)
      await client.command('STAT')
      await client.quit()
    }
  })
  return (CYCLES / ms) * 1000
}

interface Step {
  readonly work: string
  readonly unit: 'ms' | 'cycles/s'
  /** Ours over theirs. */
  readonly target: number
  readonly run: (side: Side) => Promise<number>
}

async function compare(context: Context, our: Side, their: Side, { work, unit, target, run }: Step): Promise<Figure> {
  const pair = await alternate(
    context,
    `POP3 ${work}`,
    () => run(our),
    () => run(their),
    (value) => `${value.toFixed(1)} ${unit}`,
  )
  return {
    ...pair,
    work: `POP3 ${work}`,
    unit,
    peer: 'Dovecot',
    better: unit === 'ms' ? 'lower' : 'higher',
    target: { ratio: target },
  }
}

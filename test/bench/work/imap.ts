// Reading a mailbox of 10,000 realistic messages over IMAP, on Maildir both.
import { join } from 'node:path'
import { freePort } from '../../kit/free-port.ts'
import { alternate, type Context, place, type Work } from '../context.ts'
import { corpus } from '../corpus.ts'
import { ImapClient } from '../imap-client.ts'
import { fillMaildir, ourMaildir } from '../maildir.ts'
import { startMeasuredDovecot } from '../peer.ts'
import { type Figure, median } from '../report.ts'
import { PASSWORD, startEstafeta, USERS, writeUsers } from '../server.ts'

const COUNT = 10_000

interface Step {
  readonly name: string
  readonly target?: number
  /** Not part of what is measured. */
  readonly before?: (client: ImapClient) => Promise<unknown>
  readonly run: (client: ImapClient) => Promise<unknown>
  readonly after?: (client: ImapClient) => Promise<unknown>
  /** Says what was found, which must be the same on both sides. */
  readonly found?: (client: ImapClient) => Promise<string>
}

const command = (line: string) => (client: ImapClient) => client.command(line)
const hits = (key: string) => async (client: ImapClient) => {
  const text = await client.text(`SEARCH ${key}`)
  return `${(/\* SEARCH([ \d]*)/.exec(text)?.[1] ?? '').trim().split(' ').filter(Boolean).length} hits`
}
const scratch = async (client: ImapClient) => {
  await client.command('SELECT INBOX')
  await client.command('DELETE scratch').catch(() => 0)
  await client.command('CREATE scratch')
}
const few = [...corpus(200, 99)].map((message) => message.bytes)
const many = [...corpus(1000, 98)].map((message) => message.bytes)

const search = (name: string, key: string, target: number): Step => ({
  name: `SEARCH ${name}`,
  target,
  run: command(`SEARCH ${key}`),
  found: hits(key),
})

const STEPS: readonly Step[] = [
  { name: 'SELECT', target: 1, before: command('SELECT empty'), run: command('SELECT INBOX') },
  { name: 'FETCH 1:* (FLAGS UID)', target: 1, run: command('FETCH 1:* (FLAGS UID)') },
  { name: 'FETCH 1:* (ENVELOPE BODYSTRUCTURE)', target: 0.34, run: command('FETCH 1:* (ENVELOPE BODYSTRUCTURE)') },
  {
    name: 'FETCH 1:* header fields FROM SUBJECT DATE',
    target: 0.5,
    run: command('FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])'),
  },
  search('TEXT "needle"', 'TEXT "needle"', 0.1),
  search('SUBJECT "invoice"', 'SUBJECT "invoice"', 0.25),
  search('FROM "alice"', 'FROM "alice"', 0.25),
  {
    name: 'STORE 1:* +FLAGS',
    target: 1.2,
    run: command('STORE 1:* +FLAGS (\\Flagged)'),
    after: command('STORE 1:* -FLAGS.SILENT (\\Flagged)'),
  },
  { name: 'UID FETCH 1:* BODY.PEEK[]', target: 1, run: command('UID FETCH 1:* BODY.PEEK[]') },
  { name: 'APPEND 200, one by one', target: 0.67, before: scratch, run: (c) => c.append('scratch', few, false) },
  { name: 'APPEND 1,000, pipelined', target: 0.34, before: scratch, run: (c) => c.append('scratch', many, true) },
  { name: 'COPY 1,000', target: 1, before: scratch, run: command('COPY 1:1000 scratch') },
  {
    name: 'EXPUNGE 1,000',
    target: 1,
    async before(client) {
      await scratch(client)
      await client.command('COPY 1:1000 scratch')
      await client.command('SELECT scratch')
      await client.command('STORE 1:* +FLAGS.SILENT (\\Deleted)')
    },
    run: command('EXPUNGE'),
    after: command('SELECT INBOX'),
  },
]

export const imap: Work = {
  name: 'imap',
  description: `read a mailbox of ${COUNT.toLocaleString('en')} messages over IMAP`,
  async run(context) {
    const port = await freePort()
    const folder = place(context, 'imap-ours')
    const data = join(folder, 'data')
    writeUsers(data)
    const { path, parents } = ourMaildir(data)
    fillMaildir(path, parents, corpus(COUNT))
    const theirs = await startMeasuredDovecot()
    const home = theirs.dovecot.home(USERS[0]!)
    fillMaildir(join(home, 'Maildir'), [home], corpus(COUNT))
    context.say('mailboxes written')
    const ours = await startEstafeta(folder, { listen: { imap: [`127.0.0.1:${port}`] } }, [port])
    const our = await ImapClient.open(port, `${USERS[0]}@peer.test`, PASSWORD)
    const their = await ImapClient.open(theirs.dovecot.imap, USERS[0]!, PASSWORD)
    const figures = await firstTime(context, our, their)
    for (const step of STEPS) figures.push(await measure(context, step, our, their))
    figures.push(...(await logins(context, port, theirs.dovecot.imap)))
    figures.push(await news(context, our, port, their, theirs.dovecot.imap))
    await our.close()
    await their.close()
    await ours.stop()
    await theirs.stop()
    return figures
  },
}

async function time(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}

/** What a mailbox costs that the server has never seen: once, for there is no second first time. */
async function firstTime(context: Context, our: ImapClient, their: ImapClient): Promise<Figure[]> {
  const figures: Figure[] = []
  const once = async (work: string, line: string, target?: number) => {
    const ours = [await time(() => our.command(line))]
    const theirs = [await time(() => their.command(line))]
    context.say(`${work}: ours ${ours[0]!.toFixed(1)} ms, theirs ${theirs[0]!.toFixed(1)} ms`)
    figures.push({
      work,
      unit: 'ms',
      ours,
      theirs,
      peer: 'Dovecot',
      better: 'lower',
      ...(target === undefined ? {} : { target: { ratio: target } }),
    })
  }
  for (const client of [our, their]) await client.command('CREATE empty')
  await once('SELECT, first time', 'SELECT INBOX')
  await once('FETCH 1:* (ENVELOPE BODYSTRUCTURE), first time', 'FETCH 1:* (ENVELOPE BODYSTRUCTURE)', 0.125)
  await once('SEARCH TEXT "needle", first time', 'SEARCH TEXT "needle"')
  return figures
}

async function measure(context: Context, step: Step, our: ImapClient, their: ImapClient): Promise<Figure> {
  const [ourFound, theirFound] = [await step.found?.(our), await step.found?.(their)]
  if (ourFound !== theirFound) throw new Error(`${step.name}: ours found ${ourFound}, theirs ${theirFound}`)
  const on = (client: ImapClient) => async () => {
    await step.before?.(client)
    const ms = await time(() => step.run(client))
    await step.after?.(client)
    return ms
  }
  const name = ourFound === undefined ? step.name : `${step.name} (${ourFound})`
  const pair = await alternate(context, name, on(our), on(their), (ms) => `${ms.toFixed(1)} ms`)
  return {
    ...pair,
    work: name,
    unit: 'ms',
    peer: 'Dovecot',
    better: 'lower',
    ...(step.target === undefined ? {} : { target: { ratio: step.target } }),
  }
}

/** LOGIN, SELECT, LOGOUT, each on a new connection. */
async function logins(context: Context, our: number, their: number): Promise<Figure[]> {
  const cycles = (port: number, user: string, clients: number) => async () => {
    const each = 100 / clients
    const ms = await time(() =>
      Promise.all(
        Array.from({ length: clients }, async () => {
          for (let n = 0; n < each; n++) {
            const client = await ImapClient.open(port, user, PASSWORD)
            await client.command('SELECT INBOX')
            await client.close()
          }
        }),
      ),
    )
    return 100_000 / ms
  }
  const figures: Figure[] = []
  for (const [clients, target] of [
    [1, 6],
    [10, 5],
  ] as const) {
    const work = `LOGIN, SELECT, LOGOUT, ${clients} client${clients > 1 ? 's' : ''}`
    const pair = await alternate(
      context,
      work,
      cycles(our, `${USERS[0]}@peer.test`, clients),
      cycles(their, USERS[0]!, clients),
      (rate) => `${rate.toFixed(0)}/s`,
    )
    figures.push({ ...pair, work, unit: 'cycles/s', peer: 'Dovecot', better: 'higher', target: { ratio: target } })
  }
  return figures
}

const NEWS = 50

/** How long it takes from one session's APPEND until another, in IDLE, hears EXISTS. */
async function news(
  context: Context,
  our: ImapClient,
  ourPort: number,
  their: ImapClient,
  theirPort: number,
): Promise<Figure> {
  const listening = async (port: number, user: string) => {
    const client = await ImapClient.open(port, user, PASSWORD)
    await client.command('SELECT scratch')
    await client.idle()
    return client
  }
  const p50 = (appending: ImapClient, port: number, user: string) => async () => {
    await scratch(appending)
    const idling = await listening(port, user)
    const times: number[] = []
    for (const message of few.slice(0, NEWS)) {
      const heard = time(() => idling.exists())
      await appending.append('scratch', [message], false)
      times.push(await heard)
    }
    idling.destroy()
    return median(times)
  }
  const work = 'IDLE: APPEND to EXISTS in another session, p50'
  const pair = await alternate(
    context,
    work,
    p50(our, ourPort, `${USERS[0]}@peer.test`),
    p50(their, theirPort, USERS[0]!),
    (ms) => `${ms.toFixed(2)} ms`,
  )
  return { ...pair, work, unit: 'ms', peer: 'Dovecot', better: 'lower', target: { value: 5 } }
}

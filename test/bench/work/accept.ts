// Accepting 4 KiB messages into the durable queue, both servers dropping them behind it; and how long one alone takes.
import { freePort } from '../../kit/free-port.ts'
import { alternate, type Context, place, type Work } from '../context.ts'
import { type MeasuredReceiver, startMeasuredHaraka, startMeasuredPostfix, startMeasuredSmtpServer } from '../peer.ts'
import { type Figure, median, quantile } from '../report.ts'
import { type Measured, startEstafeta, writeUsers } from '../server.ts'
import { type Load, type LoadResult, NODE_WARM_UP, runLoad, timeOneMessage, WARM_UP, warmUp } from '../smtp-load.ts'

const SIZE = 4096
const TO = 'user@elsewhere.test'

interface Case {
  readonly sessions: number
  readonly kept: boolean
  readonly messages: number
  /** Ours over Postfix's. */
  readonly target: number
  /** Ours over Haraka's, which keeps nothing on disk. */
  readonly haraka?: number
  /** Ours over that of npm's smtp-server, which syncs a file a message. */
  readonly smtpServer?: number
}

const CASES: readonly Case[] = [
  { sessions: 1, kept: false, messages: 500, target: 1.5 },
  { sessions: 10, kept: false, messages: 2000, target: 3, haraka: 2 },
  { sessions: 50, kept: false, messages: 2000, target: 3 },
  { sessions: 10, kept: true, messages: 3000, target: 4, haraka: 1.3, smtpServer: 2 },
  { sessions: 50, kept: true, messages: 3000, target: 5, smtpServer: 2 },
]
const nameOf = ({ kept, sessions }: Case) => `accept, ${kept ? 'kept connections' : 'a connection each'}, s=${sessions}`

const load = ({ sessions, kept, messages }: Omit<Case, 'target'>): Load => ({
  sessions,
  kept,
  messages,
  size: SIZE,
  to: TO,
})

export const accept: Work = {
  name: 'accept',
  description: 'accept 4 KiB messages to the durable queue, and drop them',
  async run(context) {
    const port = await freePort()
    const folder = place(context, 'accept-ours')
    writeUsers(`${folder}/data`)
    const ours = await startEstafeta(
      folder,
      { listen: { smtp: [`127.0.0.1:${port}`] }, plugins: { discard: { all: true, onError: 'defer' } } },
      [port],
    )
    const theirs = await startMeasuredPostfix({})
    for (const kept of [false, true]) {
      const warm = load({ sessions: 10, kept, messages: 0 })
      await warmUp(ours, port, warm, NODE_WARM_UP)
      await warmUp(theirs, theirs.postfix.port, warm, WARM_UP)
    }
    const figures: Figure[] = []
    for (const one of CASES) {
      const name = nameOf(one)
      const pair = await alternate(
        context,
        name,
        () => runLoad(ours, port, load(one)),
        () => runLoad(theirs, theirs.postfix.port, load(one)),
        (r) => `${r.acceptedPerSecond.toFixed(0)}/s (${r.cpuUs.toFixed(0)} µs CPU)`,
      )
      figures.push(...figuresOf(name, one, pair))
    }
    figures.push(...(await latency(context, port, theirs.postfix.port)))
    await theirs.stop()
    const haraka = () => startMeasuredHaraka(TO.slice(TO.indexOf('@') + 1))
    const beside = { context, ours, port }
    figures.push(...(await besideReceiver(beside, 'Haraka (not durable)', haraka, (one) => one.haraka)))
    figures.push(...(await besideReceiver(beside, 'smtp-server', startMeasuredSmtpServer, (one) => one.smtpServer)))
    await ours.stop()
    return figures
  },
}

function figuresOf(name: string, one: Case, pair: { ours: LoadResult[]; theirs: LoadResult[] }): Figure[] {
  const of = (key: keyof LoadResult) => ({ ours: pair.ours.map((r) => r[key]), theirs: pair.theirs.map((r) => r[key]) })
  return [
    {
      ...of('acceptedPerSecond'),
      work: name,
      unit: 'messages/s',
      peer: 'Postfix',
      better: 'higher',
      target: { ratio: one.target },
    },
    {
      ...of('donePerSecond'),
      work: '  until the queue is empty',
      unit: 'messages/s',
      peer: 'Postfix',
      better: 'higher',
    },
    {
      ...of('cpuUs'),
      work: '  CPU a message',
      unit: 'µs',
      peer: 'Postfix',
      better: 'lower',
      target: { ratio: one.kept ? 0.167 : 0.25 },
    },
    { ...of('clientUs'), work: '  CPU a message, client', unit: 'µs', peer: 'Postfix', better: 'lower' },
  ]
}

/** The rates of those cases that have a target beside this peer. */
async function besideReceiver(
  { context, ours, port }: { readonly context: Context; readonly ours: Measured; readonly port: number },
  peer: string,
  start: () => Promise<MeasuredReceiver>,
  targetOf: (one: Case) => number | undefined,
): Promise<Figure[]> {
  const theirs = await start()
  const figures: Figure[] = []
  try {
    for (const one of CASES) {
      const target = targetOf(one)
      if (target === undefined) continue
      await warmUp(theirs, theirs.port, load(one), NODE_WARM_UP)
      const pair = await alternate(
        context,
        `${nameOf(one)}, beside ${peer}`,
        () => runLoad(ours, port, load(one)),
        () => runLoad(theirs, theirs.port, load(one)),
        (r) => `${r.acceptedPerSecond.toFixed(0)}/s (${r.cpuUs.toFixed(0)} µs CPU)`,
      )
      figures.push({
        ours: pair.ours.map((r) => r.acceptedPerSecond),
        theirs: pair.theirs.map((r) => r.acceptedPerSecond),
        work: nameOf(one),
        unit: 'messages/s',
        peer,
        better: 'higher',
        target: { ratio: target },
      })
    }
  } finally {
    await theirs.stop()
  }
  return figures
}

/** Ten messages a second, one server at a time. */
async function latency(context: Context, our: number, their: number): Promise<Figure[]> {
  const series = async (port: number) => {
    const times: number[] = []
    for (let n = 0; n < 50; n++) {
      const ms = await timeOneMessage(port, SIZE, TO)
      times.push(ms)
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, 100 - ms)))
    }
    return times
  }
  const pair = await alternate(
    context,
    'accept latency at 10/s',
    () => series(our),
    () => series(their),
    (times) => `p50 ${median(times).toFixed(2)} ms`,
  )
  const of = (q: number) => ({
    ours: pair.ours.map((times) => quantile(times, q)),
    theirs: pair.theirs.map((times) => quantile(times, q)),
  })
  const common = { unit: 'ms', peer: 'Postfix', better: 'lower' } as const
  return [
    { ...of(0.5), ...common, work: 'accept latency at 10/s, p50', target: { ratio: 0.7 } },
    { ...of(0.99), ...common, work: 'accept latency at 10/s, p99', target: { ratio: 0.8 } },
  ]
}

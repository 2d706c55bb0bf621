// Relaying messages to smtp-sinks as next hops, until the queue is empty: to one, to a hundred, and past dead ones.
import { freePort } from '../../kit/free-port.ts'
import { type SmtpSink, startSmtpSink } from '../../kit/peers/smtp-sink.ts'
import { alternate, type Context, place, type Work } from '../context.ts'
import { startMeasuredPostfix } from '../peer.ts'
import type { Figure } from '../report.ts'
import { type Estafeta, startEstafeta, writeUsers } from '../server.ts'
import { type Load, type LoadResult, NODE_WARM_UP, runLoad, WARM_UP, warmUp } from '../smtp-load.ts'

const DESTINATIONS = 100
const DEAD = 10
/** What waits for each of the dead: more than their lanes let through at once. */
const WAITING = 60

const one = 'user@elsewhere.test'
const many = Array.from({ length: DESTINATIONS }, (_, i) => `user@d${i}.test`)
const load = { sessions: 10, messages: 2000, size: 4096, kept: false, to: one }

const CASES: readonly { name: string; load: Load; target: number }[] = [
  { name: 'relay to smtp-sink, 4 KiB', load, target: 4 },
  { name: 'relay to smtp-sink, 64 KiB', load: { ...load, messages: 1000, size: 65_536 }, target: 2.5 },
  { name: `relay to ${DESTINATIONS} destinations, 4 KiB`, load: { ...load, to: many }, target: 5 },
]

export const relay: Work = {
  name: 'relay',
  description: 'relay messages to smtp-sink',
  async run(context) {
    const sinks: SmtpSink[] = []
    for (let i = 0; i <= DESTINATIONS; i++) sinks.push(await startSmtpSink())
    const [sink, ...each] = sinks.map(({ port }) => `[127.0.0.1]:${port}`)
    const port = await freePort()
    const ours = await startOurs(context, port, sink!, each)
    const routes = each.map((hop, i) => `{ d${i}.test = smtp:${hop} }`).join(', ')
    const theirs = await startMeasuredPostfix({ relay: sink!, main: { transport_maps: `inline:{ ${routes} }` } })
    for (const to of [one, many]) {
      await warmUp(ours, port, { ...load, to }, NODE_WARM_UP)
      await warmUp(theirs, theirs.postfix.port, { ...load, to }, WARM_UP)
    }
    const figures: Figure[] = []
    for (const { name, load, target } of CASES) {
      const pair = await alternate(
        context,
        name,
        () => runLoad(ours, port, load),
        () => runLoad(theirs, theirs.postfix.port, load),
        (r) => `${r.donePerSecond.toFixed(0)}/s (${r.cpuUs.toFixed(0)} µs CPU)`,
      )
      const of = (key: 'donePerSecond' | 'cpuUs') => ({
        peer: 'Postfix',
        ours: pair.ours.map((r) => r[key]),
        theirs: pair.theirs.map((r) => r[key]),
      })
      figures.push(
        {
          ...of('donePerSecond'),
          work: `${name}, s=10`,
          unit: 'messages/s',
          better: 'higher',
          target: { ratio: target },
        },
        { ...of('cpuUs'), work: '  CPU a message', unit: 'µs', better: 'lower' },
      )
    }
    await theirs.stop()
    figures.push(await pastDead(context, ours, port, sinks.slice(1, 1 + DEAD)))
    await ours.stop()
    for (const one of sinks) await one.stop()
    return figures
  },
}

async function startOurs(context: Context, port: number, sink: string, each: readonly string[]): Promise<Estafeta> {
  const folder = place(context, 'relay-ours')
  writeUsers(`${folder}/data`)
  const routes = Object.fromEntries(each.map((hop, i) => [`d${i}.test`, hop]))
  return startEstafeta(
    folder,
    {
      profile: 'smarthost',
      listen: { smtp: [`127.0.0.1:${port}`] },
      relay: { host: [sink], tls: 'none' },
      plugins: { smarthost: { routes, routesTls: 'none' } },
    },
    [port],
  )
}

/** What the other destinations get while some take connections and never say a word. */
async function pastDead(context: Context, ours: Estafeta, port: number, dead: readonly SmtpSink[]): Promise<Figure> {
  const live = { ...load, messages: 20 * (DESTINATIONS - DEAD), to: many.slice(DEAD) }
  const rounds = async (stuck: number): Promise<number[]> => {
    const results: LoadResult[] = []
    for (let round = 0; round < context.rounds; round++) results.push(await runLoad(ours, port, { ...live, stuck }))
    return results.map((result) => result.donePerSecond)
  }
  const without = await rounds(0)
  for (const sink of dead) sink.pause()
  const stuck = DEAD * WAITING
  await runLoad(ours, port, { ...load, messages: stuck, to: many.slice(0, DEAD), stuck })
  const past = await rounds(stuck)
  for (const sink of dead) sink.resume()
  return {
    work: `relay to ${DESTINATIONS - DEAD} live ones, ${DEAD} more dead`,
    unit: 'messages/s',
    peer: 'none dead',
    ours: past,
    theirs: without,
    better: 'higher',
    target: { ratio: 0.95 },
  }
}

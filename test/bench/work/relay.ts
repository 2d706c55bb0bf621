// Relaying messages to smtp-sink as a smarthost, until the queue is empty.
import { freePort } from '../../kit/free-port.ts'
import { startSmtpSink } from '../../kit/peers/smtp-sink.ts'
import { alternate, place, type Work } from '../context.ts'
import { startMeasuredPostfix } from '../peer.ts'
import type { Figure } from '../report.ts'
import { startEstafeta, writeUsers } from '../server.ts'
import { runLoad, warmUp } from '../smtp-load.ts'

const CASES = [
  { kib: 4, messages: 2000, target: 4 },
  { kib: 64, messages: 1000, target: 2.5 },
]

export const relay: Work = {
  name: 'relay',
  description: 'relay messages to smtp-sink',
  async run(context) {
    const sink = await startSmtpSink()
    const port = await freePort()
    const folder = place(context, 'relay-ours')
    writeUsers(`${folder}/data`)
    const ours = await startEstafeta(
      folder,
      {
        profile: 'smarthost',
        listen: { smtp: [`127.0.0.1:${port}`] },
        relay: { host: [`[127.0.0.1]:${sink.port}`], tls: 'none' },
      },
      [port],
    )
    const theirs = await startMeasuredPostfix({ relay: `[127.0.0.1]:${sink.port}` })
    const warm = { sessions: 10, messages: 0, size: 4096, kept: false, to: 'user@elsewhere.test' }
    await warmUp(ours, port, warm)
    await warmUp(theirs, theirs.postfix.port, warm)
    const figures: Figure[] = []
    for (const { kib, messages, target } of CASES) {
      const load = { sessions: 10, messages, size: kib * 1024, kept: false, to: 'user@elsewhere.test' }
      const pair = await alternate(
        context,
        `relay, ${kib} KiB`,
        () => runLoad(ours, port, load),
        () => runLoad(theirs, theirs.postfix.port, load),
        (r) => `${r.donePerSecond.toFixed(0)}/s (${r.cpuUs.toFixed(0)} µs CPU)`,
      )
      const of = (key: 'donePerSecond' | 'cpuUs') => ({
        ours: pair.ours.map((r) => r[key]),
        theirs: pair.theirs.map((r) => r[key]),
      })
      const common = { peer: 'Postfix' } as const
      figures.push(
        {
          ...of('donePerSecond'),
          ...common,
          work: `relay to smtp-sink, ${kib} KiB, s=10`,
          unit: 'messages/s',
          better: 'higher',
          target: { ratio: target },
        },
        { ...of('cpuUs'), ...common, work: '  CPU a message', unit: 'µs', better: 'lower' },
      )
    }
    await ours.stop()
    await theirs.stop()
    await sink.stop()
    return figures
  },
}

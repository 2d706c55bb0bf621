// From the start of the program to the first accepted connection, and the memory with nothing to do.
import { freePorts } from '../../kit/free-port.ts'
import { alternate, place, type Work } from '../context.ts'
import { startMeasuredDovecot, startMeasuredPostfix } from '../peer.ts'
import { pssMiB } from '../procstat.ts'
import { startEstafeta, writeUsers } from '../server.ts'

const SETTLE_MS = 2000

interface Start {
  readonly ms: number
  readonly mib: number
}

export const start: Work = {
  name: 'start',
  description: 'time to start, and memory with nothing to do',
  async run(context) {
    const folder = place(context, 'start-ours')
    writeUsers(`${folder}/data`)
    const ours = async (): Promise<Start> => {
      const [smtp = 0, imap = 0, pop3 = 0] = await freePorts(3)
      const at = (port: number) => [`127.0.0.1:${port}`]
      const server = await startEstafeta(folder, { listen: { smtp: at(smtp), imap: at(imap), pop3: at(pop3) } }, [
        smtp,
        imap,
        pop3,
      ])
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      const mib = pssMiB(server.pids)
      await server.stop()
      return { ms: server.startMs, mib }
    }
    const theirs = async (): Promise<Start> => {
      const postfix = await startMeasuredPostfix({})
      const dovecot = await startMeasuredDovecot()
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      const mib = pssMiB([...postfix.pids, ...dovecot.pids])
      await postfix.stop()
      await dovecot.stop()
      return { ms: postfix.startMs + dovecot.startMs, mib }
    }
    const pair = await alternate(
      context,
      'start',
      ours,
      theirs,
      (s) => `${s.ms.toFixed(0)} ms, ${s.mib.toFixed(1)} MiB`,
    )
    const of = (key: keyof Start) => ({ ours: pair.ours.map((s) => s[key]), theirs: pair.theirs.map((s) => s[key]) })
    const peer = 'Postfix + Dovecot'
    return [
      { ...of('ms'), work: 'start to accepting', unit: 'ms', peer, better: 'lower', target: { value: 500 } },
      {
        ...of('mib'),
        work: 'memory with nothing to do',
        unit: 'MiB (PSS)',
        peer,
        better: 'lower',
        target: { value: 80 },
      },
    ]
  },
}

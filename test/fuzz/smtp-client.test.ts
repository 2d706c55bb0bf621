// The outgoing client against servers that answer at random in every state: it always ends, and never says "sent" of what was not taken.
import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/log.ts'
import type { SmtpClient, SmtpSend } from '../../core/plugin/services.ts'
import { createSmtpClient } from '../../core/smtp-client/client.ts'
import { destinationTo, neverAborted, outgoingMail } from '../kit/outgoing.ts'
import { type Act, type Script, type ScriptedServer, startScriptedSmtp } from '../kit/scripted-smtp.ts'

const SEED = Number(process.env.FUZZ_SEED ?? 20261122)
const RUNS = Number(process.env.FUZZ_RUNS ?? 300)
const VERBS = ['EHLO', 'HELO', 'LHLO', 'STARTTLS', 'MAIL', 'RCPT', 'DATA', 'BODY', '.', 'RSET', 'QUIT']

let server: ScriptedServer | null = null
let client: SmtpClient | null = null
afterEach(async () => {
  await server?.close()
  await client?.close()
})

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const ACTS: readonly Act[] = [
  '250 2.0.0 fine',
  '250 fine',
  '354 go on',
  '220 hello',
  '235 welcome',
  '334 ',
  '450 4.2.0 later',
  '421 4.3.2 bye',
  '550 5.1.1 no',
  '552 too many',
  'not SMTP at all',
  '',
  'close',
  { say: '421 4.3.2 bye', close: true },
  { say: '550 5.7.1 out', close: true },
  Buffer.from('250'),
  Buffer.from('250-unfinished\r\n'),
  Buffer.from('250 one\r\n250 two\r\n'),
  Buffer.from('250 one\r\n550 two\r\n421 three\r\n'),
  Buffer.from([0, 255, 13, 10, 13, 10]),
  Buffer.alloc(20_000, '2'),
  ['250 a', '250 b', '250 c'],
]

/** Not one reply for one command, a go-ahead where none belongs, a yes before the end: such a server's word counts for nothing. */
const confuses = (verb: string, act: Act | null): boolean =>
  Buffer.isBuffer(act) || act === '354 go on' || act === '' || (verb === 'BODY' && act !== null)

function randomScript(random: () => number, confused: () => void): Script {
  const pick = (verb: string): Act | null => {
    const act = random() < (verb === 'BODY' ? 0.9 : 0.7) ? null : ACTS[Math.floor(random() * ACTS.length)]!
    if (confuses(verb, act)) confused()
    return act
  }
  const on = Object.fromEntries(VERBS.map((verb) => [verb, () => pick(verb)]))
  const greeting = random() < 0.9 ? null : pick('greeting')
  const offers = ['PIPELINING', 'SIZE 100000', 'DSN', 'SMTPUTF8', 'STARTTLS'].filter(() => random() < 0.5)
  return { on, offers, lmtp: random() < 0.2, ...(greeting === null ? {} : { greeting }) }
}

function randomMail(run: number, random: () => number): SmtpSend {
  const count = 1 + Math.floor(random() * 4)
  const to = Array.from({ length: count }, (_, i) => `${random() < 0.1 ? 'jörg' : 'u'}${i}.${run}@there.test`)
  return outgoingMail({ to, text: `Subject: x\r\n\r\n${'line\r\n'.repeat(random() < 0.1 ? 200_000 : 10)}` })
}

/** Lets minutes pass whenever nothing has happened for a while: a server that waits for more, or says nothing more. */
async function hurried<T>(work: Promise<T>, clock: FakeClock, peer: ScriptedServer): Promise<T> {
  let done = false
  const finished = work.finally(() => {
    done = true
  })
  let seen = ''
  for (let quiet = 0; !done; quiet++) {
    await new Promise((next) => setImmediate(next))
    const now = `${peer.lines.length} ${peer.connections} ${peer.open}`
    if (now !== seen) quiet = 0
    seen = now
    if (quiet > 200) clock.advance(11 * 60_000)
  }
  return finished
}

test(`${RUNS} random servers, seed ${SEED}`, async () => {
  const random = randomFrom(SEED)
  const clock = new FakeClock()
  client = createSmtpClient({ clock, log: silentLogger, hostname: 'us.test' })
  for (let run = 0; run < RUNS; run++) {
    let confused = false
    const script = randomScript(random, () => {
      confused = true
    })
    server = await startScriptedSmtp(script)
    const destination = destinationTo(server, { key: `${run}`, protocol: script.lmtp ? 'lmtp' : 'smtp' })
    const mail = randomMail(run, random)
    const { results, hostDown } = await hurried(client.send(destination, mail, neverAborted), clock, server)
    expect(results, `run ${run}`).toHaveLength(mail.recipients.length)
    if (hostDown) expect(results.every(({ kind }) => kind === 'deferred')).toBe(true)
    for (const { kind, reply } of results) {
      expect(Math.floor(reply.code / 100), `run ${run}: ${reply.code} ${kind}`).toBe(
        { sent: 2, deferred: 4, failed: 5 }[kind],
      )
      expect(reply.enhanced === null || reply.enhanced[0] === String(reply.code)[0]).toBe(true)
    }
    const wasComplete = server.lines.some((line) => line.endsWith('octets>'))
    if (!wasComplete && !confused)
      expect(
        results.some(({ kind }) => kind === 'sent'),
        `run ${run}`,
      ).toBe(false)
    await server.close()
  }
}, 120_000)

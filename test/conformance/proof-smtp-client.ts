// Runs smtp-client cases before the reference sender, with a fault or without.
import type { CaseResult } from 'estafeta/conformance'
import { freePorts } from '../kit/free-port.ts'
import { judge, noticed } from './proof.ts'
import { startSender } from './reference/sender.ts'
import type { SenderFault } from './sender-fault.ts'

interface Patience {
  readonly answerSeconds: number
  readonly retryWaitSeconds: number
}
/** Before a correct sender, and before one with a fault, which may be silence. */
const PATIENCE = {
  correct: { answerSeconds: 5, retryWaitSeconds: 6 },
  faulty: { answerSeconds: 2, retryWaitSeconds: 3 },
  /** For what took too long on a busy machine: asked again. */
  again: { answerSeconds: 15, retryWaitSeconds: 20 },
}

export interface Side {
  /** The runner is the smarthost, and no name server. */
  readonly smarthost?: true
  readonly keeps?: true
}

/** Runs that go on beside each other look for ports one after another, and never get the same. */
const taken = new Set<number>()
let turn: Promise<unknown> = Promise.resolve()
function twoPorts(): Promise<[number, number]> {
  const found = turn.then(async (): Promise<[number, number]> => {
    for (;;) {
      const [a = 0, b = 0] = await freePorts(2)
      if (taken.has(a) || taken.has(b)) continue
      taken.add(a).add(b)
      return [a, b]
    }
  })
  turn = found
  return found
}

export async function judgeSender(side: Side, does: SenderFault['does'], ids: readonly string[], patience: Patience) {
  const [listen, dns] = await twoPorts()
  const names = side.smarthost ? null : { host: '127.0.0.1', port: dns }
  const deviation = typeof does === 'function' ? does() : does
  const sender = await startSender({ port: listen, names, deviation, keeps: side.keeps === true })
  const runner = { listen: `127.0.0.1:${listen}`, ...(names === null ? {} : { dns: `127.0.0.1:${dns}` }) }
  try {
    return await judge('smtp-client', { port: sender.port, ...runner, ...patience }, ids)
  } finally {
    await sender.close()
  }
}

/** Asks those again that were not as they should be, and gives those that still are not. */
async function failing(
  good: (result: CaseResult) => boolean,
  ask: (ids: readonly string[], patience: Patience) => Promise<readonly CaseResult[]>,
  ids: readonly string[],
  patience: Patience,
): Promise<readonly CaseResult[]> {
  const bad = (await ask(ids, patience)).filter((result) => !good(result)).map(({ facts }) => facts.id)
  return bad.length === 0 ? [] : (await ask(bad, PATIENCE.again)).filter((result) => !good(result))
}

/** The cases that a correct sender does not pass. */
export const unpassed = (side: Side, ids: readonly string[], verdict: CaseResult['verdict'] = 'pass') =>
  failing(
    (result) => result.verdict === verdict,
    (some, patience) => judgeSender(side, {}, some, patience),
    ids,
    PATIENCE.correct,
  )

/** The cases that do not notice the fault they should. */
export const unnoticed = (fault: SenderFault) =>
  failing(
    noticed,
    (some, patience) => judgeSender({ ...(fault.keeps ? { keeps: true } : {}) }, fault.does, some, patience),
    fault.proves,
    PATIENCE.faulty,
  )

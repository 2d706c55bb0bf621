// Runs IMAP cases before a clean or a faulty server; the fault is in force from a case's own steps on, not while they are prepared.
import { type CaseResult, createTarget, findSuite, runCases, type Suite, type Target } from 'estafeta/conformance'
import type { Certificate } from '../kit/certificates.ts'
import type { Fault } from './fault.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { startImapReference } from './reference/imap.ts'

export interface Faulty {
  readonly port: number
  arm(armed: boolean): void
  close(): Promise<void>
}

/** A server, with or without a fault, and how to come to it. */
export interface Place {
  readonly server: Faulty
  readonly tls: Target['tls']
  readonly user: string
  readonly password: string
}

export type Open = (fault: Fault | null) => Promise<Place>

export const USER = 'ana@conformance.example'
export const PASSWORD = 'a "secret"\\'

/** The reference server in its variants: each has what some cases need and others cannot have. */
export const references = (pair: Certificate): { readonly [side: string]: Open } => {
  const open =
    (tls: Target['tls'], more: object = {}): Open =>
    async (fault) => ({
      server: await startImapReference({
        users: { [USER]: PASSWORD },
        tls: pair,
        implicit: tls === 'implicit',
        rules: fault?.rules ?? [],
        switches: fault?.switches ?? [],
        ...more,
      }),
      tls,
      user: USER,
      password: PASSWORD,
    })
  return {
    reference: open('none'),
    implicit: open('implicit'),
    private: open('none', { privacyRequired: true }),
    keeping: open('none', { keepsParents: true }),
    limited: open('none', { appendLimit: 100_000 }),
    limits: open('none', { appendLimit: 100_000, limitByStatus: true }),
    levels: open('none', { bareLevels: true }),
    extended: open('none', { extended: true }),
    modseq: open('none', { extended: true, modseq: true }),
    minus: open('none', { literalMinus: true }),
  }
}

/** A proxy before a real server; every run logs in as another user. */
export const behindProxy = (upstream: number, nextUser: () => { user: string; password: string }): Open => {
  return async (fault) => ({
    server: await startFaultProxy({ upstream, rules: fault?.rules ?? [] }),
    tls: 'none',
    ...nextUser(),
  })
}

/** The cases with these ids, one after another when there is a fault. */
export async function judgeImap(
  open: Open,
  fault: Fault | null,
  ids: readonly string[],
): Promise<readonly CaseResult[]> {
  const { server, ...place } = await open(fault)
  try {
    const suite = findSuite('imap')
    const cases = suite.cases.filter(({ id }) => ids.includes(id))
    const target = createTarget(
      { host: '127.0.0.1', port: server.port, consent: ['all'], answerSeconds: fault === null ? 10 : 1, ...place },
      suite.port,
    )
    const { results } = await runCases(fault === null ? suite : armed(suite, server, fault), target, {
      cases,
      parallel: fault === null ? 4 : 1,
      caseMs: 20_000,
    })
    return results
  } finally {
    await server.close()
  }
}

/** Without the cleaning up, which nobody waits for. */
function armed({ before, connect, ...suite }: Suite, server: Faulty, { early }: Fault): Suite {
  const { after: _, ...rest } = suite
  return {
    ...rest,
    ...(before === undefined
      ? {}
      : {
          before: async (context, selected) => {
            server.arm(false)
            await before(context, selected)
          },
        }),
    async connect(context, facts) {
      server.arm(early === true || facts.state === 'connected')
      const connection = await connect(context, facts)
      server.arm(true)
      return connection
    },
  }
}

/** The server before which a fault is shown. */
export const sideOf = ({ side }: Fault): string => side ?? 'reference'

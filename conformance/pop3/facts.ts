// Shorthand for the POP3 cases, and what several of them do.
import { check, Skipped, visible } from '../judgement.ts'
import { base64, type Pop3 } from './client.ts'
import type { Pop3Case } from './suite.ts'

export const ACCOUNT = { account: true } as const
export const SOME = { account: true, messages: 2 } as const
export const DELETING = { account: true, messages: 2, consent: ['mailbox'] } as const

/** A message number that no maildrop has. */
export const NONE = 2_000_000_000

export const transaction = (
  id: string,
  section: string,
  requirement: string,
  needs: Pop3Case['needs'],
  run: (p: Pop3) => Promise<void>,
  level: Pop3Case['level'] = 'must',
): Pop3Case => ({
  id: `pop3/${id}`,
  rfc: `RFC 1939 §${section}`,
  level,
  requirement,
  needs: needs!,
  state: 'transaction',
  run,
})

/** -ERR to a message that is not there, or to a number that is none. */
export const refuses = (
  id: string,
  section: string,
  command: string,
  requirement: string,
  needs: Pop3Case['needs'] = SOME,
): Pop3Case =>
  transaction(id, section, requirement, needs, async (p) => {
    const { status, raw } = await p.send(command)
    // what a faulty server marked is none of the owner's wish
    if (status === '+OK' && command.startsWith('DELE')) await p.send('RSET')
    check(status === '-ERR', `-ERR to "${command}"`, `"${visible(raw)}"`)
    await p.send('NOOP', '+OK')
  })

/** Skips where the optional command is not there at all. */
export async function optional(p: Pop3, line: string): Promise<string[]> {
  const verb = line.split(' ')[0]!
  const { status, raw } = await p.send(line)
  check(status === '+OK' || !p.has(verb), `+OK to "${line}", since ${verb} is announced`, `"${visible(raw)}"`)
  if (status !== '+OK') throw new Skipped(`the server does not offer ${verb}`)
  return p.lines(line)
}

export const splitMessage = (lines: readonly string[]): { header: readonly string[]; body: readonly string[] } => {
  const at = lines.indexOf('')
  return at < 0 ? { header: lines, body: [] } : { header: lines.slice(0, at), body: lines.slice(at + 1) }
}

export const uidls = async (p: Pop3): Promise<Map<number, string>> =>
  new Map(
    (await optional(p, 'UIDL')).map((line) => {
      const [number, uid = ''] = line.split(' ')
      return [Number(number), uid]
    }),
  )

export const authorization = (
  id: string,
  rfc: string,
  requirement: string,
  needs: Pop3Case['needs'] | null,
  run: (p: Pop3) => Promise<void>,
  more: Partial<Pick<Pop3Case, 'level' | 'ending' | 'state'>> = {},
): Pop3Case => ({
  id: `pop3/${id}`,
  rfc,
  level: 'must',
  requirement,
  ...(needs ? { needs } : {}),
  state: 'authorization',
  run,
  ...more,
})

export const needCapa = (p: Pop3): void => {
  if (p.capabilities === null) throw new Skipped('the server has no CAPA')
}

export const plain = (p: Pop3): string => {
  if (!p.capabilities?.get('SASL')?.includes('PLAIN')) throw new Skipped('the server does not announce SASL PLAIN')
  return base64(`\0${p.account.user}\0${p.account.password}`)
}

/** A `+ ` continuation; anything else is a violation. */
export async function continuation(p: Pop3): Promise<string> {
  const line = await p.wire.line('a "+ " challenge')
  check(/^\+ /.test(line), 'a "+ " challenge', `"${visible(line)}"`)
  return line.slice(2)
}

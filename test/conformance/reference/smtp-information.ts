// The commands of the reference server that change nothing: NOOP, HELP, VRFY, EXPN, and those it does not have.
import type { Has } from './smtp-arguments.ts'
import type { SmtpFault } from './smtp-faults.ts'
import type { Situation } from './smtp-replies.ts'

export interface Answer {
  readonly situation: Situation
  /** What takes the place of `{}` in the reply. */
  readonly value?: string
}

/** Null for a verb that is not among them. */
export function inform(verb: string, argument: string, mailboxes: readonly string[], has: Has): Answer | null {
  switch (verb) {
    case 'NOOP':
      return { situation: argument !== '' && has('noop-argument-refused') ? 'no-argument' : 'noop' }
    case 'HELP':
      return { situation: 'help' }
    case 'VRFY':
      return verify(argument, mailboxes, has)
    case 'EXPN':
      return { situation: argument === '' ? 'expn-syntax' : /^<?staff\b/i.test(argument) ? 'expn' : 'expn-unknown' }
    case 'TURN':
    case 'ETRN':
    case 'SEND':
    case 'SOML':
    case 'SAML':
      return { situation: 'not-implemented' }
    default:
      return null
  }
}

function verify(argument: string, mailboxes: readonly string[], has: Has): Answer {
  if (argument === '') return { situation: 'vrfy-syntax' }
  const bare = argument.replace(/ SMTPUTF8$/i, '')
  if (bare !== argument && has('vrfy-parameter-refused')) return { situation: 'parameter-unknown' }
  const [, name = ''] = /^<?([^@>]*)(?:@example\.org)?>?$/i.exec(bare) ?? []
  const known = mailboxes.includes(name.toLowerCase())
  return { situation: known ? 'vrfy' : 'vrfy-unknown', value: `${name.toLowerCase()}@example.org` }
}

/** What a fault wants of the session before it answers these. */
export const wantsHello = (verb: string, has: Has): boolean =>
  (['NOOP', 'HELP', 'VRFY', 'EXPN'] as const).some(
    (own) => own === verb && has(`${own.toLowerCase() as Lowercase<typeof own>}-wants-hello`),
  )

/** The fault that clears the transaction for the verb. */
export const clearing = (verb: string, has: Has): boolean => has(`${verb.toLowerCase()}-clears` as SmtpFault)

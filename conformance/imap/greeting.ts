// IMAP: the greeting.
import { check } from '../judgement.ts'
import type { Imap } from './client.ts'
import type { ImapCase } from './suite.ts'

export const greetingCases: readonly ImapCase[] = [
  {
    id: 'imap/greeting/form',
    rfc: 'RFC 9051 §7.1',
    level: 'must',
    requirement: 'A server that accepts connections greets with an untagged OK, PREAUTH or BYE.',
    state: 'connected',
    async run(c: Imap) {
      const { kind, name, raw } = await c.response('the connection')
      check(kind === 'untagged' && ['OK', 'PREAUTH', 'BYE'].includes(name), '"* OK", "* PREAUTH" or "* BYE"', raw)
    },
  },
]

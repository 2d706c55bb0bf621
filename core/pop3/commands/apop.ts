// APOP (RFC 1939 §7): a digest in place of the password; only for passwords stored as plain text, and only where the listener offers it.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { AuthDecision } from '../../plugin/generation.ts'
import type { Pop3Session } from '../session.ts'
import { responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

export const apop = defineCommand({
  verb: 'apop',
  rfc: 'RFC 1939 §7',
  run(session, args) {
    if (session.timestamp === null) return session.refuse(responses.noApop())
    const match = /^(.+) ([0-9a-f]{32})$/.exec(args)
    if (!match) return session.refuse(responses.syntax('Syntax: APOP name digest'))
    session.login(match[1]!, verifyDigest(session, match[1]!, Buffer.from(match[2]!, 'hex'), session.timestamp))
  },
})

async function verifyDigest(
  session: Pop3Session,
  name: string,
  digest: Buffer,
  timestamp: string,
): Promise<AuthDecision> {
  const found = await session.generation.hooks.authSecret(name, 'PLAIN')
  if (found === 'unavailable') return { kind: 'unavailable' }
  const expected = createHash('md5')
    .update(timestamp)
    .update(found?.secret ?? '')
    .digest()
  const right = timingSafeEqual(expected, digest) && found !== null
  return right ? { kind: 'identity', identity: found.identity } : { kind: 'denied' }
}

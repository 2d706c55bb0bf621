// PLAIN (RFC 4616): authorization identity, authentication identity and password in one response, split by NUL.
import { type Exchange, MAX_AUTHCID, MAX_PASSWORD, type Mechanism, type SaslStep, saslText } from './mechanism.ts'

const MALFORMED: SaslStep = { kind: 'malformed' }

/** RFC 4616 §2: message = [authzid] NUL authcid NUL passwd */
function parsePlain(response: Buffer): SaslStep {
  const first = response.indexOf(0)
  const second = first < 0 ? -1 : response.indexOf(0, first + 1)
  if (second < 0) return MALFORMED
  const authzid = saslText(response.subarray(0, first), MAX_AUTHCID)
  const authcid = saslText(response.subarray(first + 1, second), MAX_AUTHCID)
  const password = saslText(response.subarray(second + 1), MAX_PASSWORD)
  if (authzid === null || !authcid || !password) return MALFORMED
  return { kind: 'password', authzid, authcid, password }
}

export const plain: Mechanism = {
  name: 'PLAIN',
  plaintext: true,
  start(): Exchange {
    return {
      respond: (response) => (response === null ? { kind: 'challenge', data: Buffer.alloc(0) } : parsePlain(response)),
    }
  },
}

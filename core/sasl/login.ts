// LOGIN: user name and password asked for one after the other; no RFC, but what Outlook and many devices speak.
import { type Exchange, MAX_AUTHCID, MAX_PASSWORD, type Mechanism, type SaslStep, saslText } from './mechanism.ts'

const ask = (prompt: string): SaslStep => ({ kind: 'challenge', data: Buffer.from(prompt) })

export const login: Mechanism = {
  name: 'LOGIN',
  plaintext: true,
  start(): Exchange {
    let user: string | null = null
    return {
      respond(response) {
        if (response === null) return ask('Username:')
        if (user === null) {
          user = saslText(response, MAX_AUTHCID)
          return user ? ask('Password:') : { kind: 'malformed' }
        }
        const password = saslText(response, MAX_PASSWORD)
        return password ? { kind: 'password', authzid: '', authcid: user, password } : { kind: 'malformed' }
      },
    }
  },
}

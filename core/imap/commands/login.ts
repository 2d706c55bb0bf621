// LOGIN (RFC 9051 §6.2.3)
import { MAX_AUTHCID, MAX_PASSWORD, saslText } from '../../sasl/mechanism.ts'
import { defineCommand, no } from '../command.ts'

export const login = defineCommand({
  name: 'LOGIN',
  states: ['notAuthenticated'],
  parse(args) {
    args.space()
    const user = args.astring('user name')
    args.space()
    return { user, password: args.astring('password') }
  },
  async run(session, octets) {
    if (!session.secure) return no('PRIVACYREQUIRED', 'Start TLS first')
    const user = saslText(Buffer.from(octets.user, 'latin1'), MAX_AUTHCID)
    const password = saslText(Buffer.from(octets.password, 'latin1'), MAX_PASSWORD)
    if (!user || !password) return session.logins.failed('denied', user ?? '')
    const decision = await session.logins.verify(user, password)
    if (decision.kind === 'identity') return session.logIn(decision.identity)
    return session.logins.failed(decision.kind, user)
  },
})

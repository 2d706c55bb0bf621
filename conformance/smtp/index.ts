// The SMTP suite: what any server that takes mail owes its clients.
import { chunkingCases } from './chunking.ts'
import { dataCases } from './data.ts'
import { dsnCases, eightBitCases, enhancedCases, pipeliningCases, sizeCases, utf8Cases } from './extensions.ts'
import { greetingCases } from './greeting.ts'
import { helloCases } from './hello.ts'
import { mailCases } from './mail.ts'
import { rcptCases } from './rcpt.ts'
import { authCases, startTlsCases } from './security.ts'
import { sessionCases } from './session.ts'
import { smugglingCases } from './smuggling.ts'
import { smtpSuite } from './suite.ts'

export const smtp = smtpSuite({
  name: 'smtp',
  description: 'a server that takes mail (RFC 5321 and its extensions)',
  port: { plain: 25, tls: 465 },
  hello: 'EHLO',
  login: true,
  cases: [
    ...greetingCases,
    ...helloCases,
    ...mailCases,
    ...rcptCases,
    ...dataCases,
    ...smugglingCases,
    ...sessionCases,
    ...pipeliningCases,
    ...sizeCases,
    ...eightBitCases,
    ...chunkingCases,
    ...utf8Cases,
    ...dsnCases,
    ...enhancedCases,
    ...startTlsCases,
    ...authCases,
  ],
})

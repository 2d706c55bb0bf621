// The SMTP suite: what any server that takes mail owes its clients.
import { authCases } from './auth.ts'
import { chunkingCases } from './chunking.ts'
import { dataCases } from './data.ts'
import { dsnCases } from './dsn.ts'
import { enhancedCases } from './enhanced.ts'
import { greetingCases } from './greeting.ts'
import { helloCases } from './hello.ts'
import { mailCases } from './mail.ts'
import { eightBitCases, sizeCases } from './parameters.ts'
import { pipeliningCases } from './pipelining.ts'
import { rcptCases } from './rcpt.ts'
import { sessionCases } from './session.ts'
import { smugglingCases } from './smuggling.ts'
import { startTlsCases } from './starttls.ts'
import { smtpSuite } from './suite.ts'
import { utf8Cases } from './utf8.ts'
import { verifyCases } from './verify.ts'

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
    ...verifyCases,
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

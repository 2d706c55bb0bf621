// The POP3 suite.
import { authCases, capaCases, stlsCases, utf8Cases } from './extensions.ts'
import { deleCases, listCases, retrCases, statCases, topCases, uidlCases } from './maildrop.ts'
import { sessionCases } from './session.ts'
import { pop3Suite } from './suite.ts'

export const pop3 = pop3Suite([
  ...sessionCases,
  ...statCases,
  ...listCases,
  ...retrCases,
  ...deleCases,
  ...topCases,
  ...uidlCases,
  ...capaCases,
  ...stlsCases,
  ...authCases,
  ...utf8Cases,
])

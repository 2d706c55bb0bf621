// The POP3 suite.
import { capabilityCases } from './capabilities.ts'
import { commandCases } from './commands.ts'
import { authCases, capaCases, stlsCases, utf8Cases } from './extensions.ts'
import { internationalCases } from './international.ts'
import { loginCases } from './login.ts'
import { deleCases, listCases, retrCases, statCases, topCases, uidlCases } from './maildrop.ts'
import { saslCases } from './sasl.ts'
import { sessionCases } from './session.ts'
import { pop3Suite } from './suite.ts'
import { updateCases } from './updates.ts'

export const pop3 = pop3Suite([
  ...sessionCases,
  ...loginCases,
  ...commandCases,
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
  ...capabilityCases,
  ...saslCases,
  ...internationalCases,
  ...updateCases,
])

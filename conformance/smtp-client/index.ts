// The smtp-client suite.
import { addressCases } from './addresses.ts'
import { extensionCases, tlsCases } from './extensions.ts'
import { hostCases } from './hosts.ts'
import { messageCases } from './message.ts'
import { openingCases } from './opening.ts'
import { replyCases } from './replies.ts'
import { reportCases } from './reports.ts'
import { smtpClientSuite } from './suite.ts'

export const smtpClient = smtpClientSuite([
  ...openingCases,
  ...addressCases,
  ...messageCases,
  ...replyCases,
  ...extensionCases,
  ...tlsCases,
  ...reportCases,
  ...hostCases,
])

// The smtp-client suite.
import { addressCases } from './addresses.ts'
import { dsnCases } from './dsn.ts'
import { eightBitCases } from './eight-bit.ts'
import { extensionCases, tlsCases } from './extensions.ts'
import { hostCases } from './hosts.ts'
import { messageCases } from './message.ts'
import { openingCases } from './opening.ts'
import { refusalCases } from './refusals.ts'
import { replyCases } from './replies.ts'
import { reportCases } from './reports.ts'
import { smtpClientSuite } from './suite.ts'
import { traceCases } from './trace.ts'

export const smtpClient = smtpClientSuite([
  ...openingCases,
  ...addressCases,
  ...messageCases,
  ...traceCases,
  ...eightBitCases,
  ...replyCases,
  ...refusalCases,
  ...extensionCases,
  ...tlsCases,
  ...reportCases,
  ...dsnCases,
  ...hostCases,
])

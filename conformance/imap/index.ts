// The IMAP suite.
import { appendCases, appendUidCases, multiAppendCases } from './append.ts'
import { closeCases, expungeCases, uidExpungeCases } from './closing.ts'
import { idCases, namespaceCases, quotaCases } from './extensions.ts'
import { capabilityCases, greetingCases, loginCodeCases, logoutCases, noopCases } from './greeting.ts'
import { idleCases } from './idle.ts'
import { listCases, lsubCases, subscribeCases } from './list.ts'
import { listExtendedCases, listStatusCases, specialUseCases } from './list-extended.ts'
import { literalCases, literalPlusCases } from './literals.ts'
import { createCases, deleteCases, renameCases } from './mailboxes.ts'
import { unicodeCases, utf7Cases, utf8Cases } from './names.ts'
import { openedCases } from './opened.ts'
import { aclCases, metadataCases } from './rights.ts'
import { authenticateCases, initialResponseCases, loginCases, starttlsCases } from './security.ts'
import { examineCases, selectCases } from './select.ts'
import { enableCases, stateCases } from './states.ts'
import { statusCases } from './status.ts'
import { imapSuite } from './suite.ts'
import { commandCases, pipeliningCases, tagCases } from './syntax.ts'

export const imap = imapSuite([
  ...greetingCases,
  ...capabilityCases,
  ...loginCodeCases,
  ...noopCases,
  ...logoutCases,
  ...tagCases,
  ...commandCases,
  ...literalCases,
  ...literalPlusCases,
  ...pipeliningCases,
  ...starttlsCases,
  ...authenticateCases,
  ...initialResponseCases,
  ...loginCases,
  ...stateCases,
  ...enableCases,
  ...selectCases,
  ...examineCases,
  ...createCases,
  ...deleteCases,
  ...renameCases,
  ...listCases,
  ...subscribeCases,
  ...lsubCases,
  ...listExtendedCases,
  ...listStatusCases,
  ...specialUseCases,
  ...statusCases,
  ...appendCases,
  ...appendUidCases,
  ...multiAppendCases,
  ...idleCases,
  ...closeCases,
  ...expungeCases,
  ...uidExpungeCases,
  ...utf7Cases,
  ...unicodeCases,
  ...utf8Cases,
  ...namespaceCases,
  ...idCases,
  ...quotaCases,
  ...aclCases,
  ...metadataCases,
  ...openedCases,
])

// All suites, in the order of `estafeta conformance --help`.
import { imap } from './imap/index.ts'
import { lmtp } from './lmtp/index.ts'
import { pop3 } from './pop3/index.ts'
import { smtp } from './smtp/index.ts'
import { smtpClient } from './smtp-client/index.ts'
import { submission } from './submission/index.ts'
import type { Suite } from './types.ts'

export const suites: readonly Suite[] = [smtp, submission, lmtp, pop3, imap, smtpClient]

// The IMAP suite.
import { greetingCases } from './greeting.ts'
import { openedCases } from './opened.ts'
import { imapSuite } from './suite.ts'

export const imap = imapSuite([...greetingCases, ...openedCases])

// The IMAP cases of an opened mailbox and its messages, with the extensions about them.
import { fetchItemCases, seenCases } from './fetch-items.ts'
import { fetchSectionCases } from './fetch-sections.ts'
import type { ImapCase } from './suite.ts'

export const openedCases: readonly ImapCase[] = [...fetchSectionCases, ...fetchItemCases, ...seenCases]

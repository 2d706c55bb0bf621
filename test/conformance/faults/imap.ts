// All faults by which the cases of the IMAP suite are shown to be able to fail.
import type { Faults } from '../fault.ts'
import { appendFaultTable } from './imap-append.ts'
import { extendedFaults } from './imap-extended.ts'
import { fetchFaults } from './imap-fetch.ts'
import { listFaultTable } from './imap-list.ts'
import { mailboxFaults } from './imap-mailbox.ts'
import { messageFaults } from './imap-messages.ts'
import { modseqFaults } from './imap-modseq.ts'
import { nameFaults } from './imap-names.ts'
import { notifyFaultTable } from './imap-notify.ts'
import { resultFaults } from './imap-results.ts'
import { searchFaults } from './imap-search.ts'
import { sectionFaults } from './imap-sections.ts'
import { sessionFaults } from './imap-session.ts'
import { sortFaultTable } from './imap-sort.ts'
import { imapStateFaults } from './imap-state.ts'
import { storeFaultTable } from './imap-stores.ts'
import { structureFaults } from './imap-structure.ts'

export const imapFaults: Faults = {
  ...sessionFaults,
  ...imapStateFaults,
  ...mailboxFaults,
  ...listFaultTable,
  ...appendFaultTable,
  ...messageFaults,
  ...nameFaults,
  ...fetchFaults,
  ...sectionFaults,
  ...structureFaults,
  ...searchFaults,
  ...resultFaults,
  ...modseqFaults,
  ...sortFaultTable,
  ...storeFaultTable,
  ...extendedFaults,
  ...notifyFaultTable,
}

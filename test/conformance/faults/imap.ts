// All faults by which the cases of the IMAP suite are shown to be able to fail.
import type { Faults } from '../fault.ts'
import { fetchFaults } from './imap-fetch.ts'
import { searchFaults } from './imap-search.ts'
import { sessionFaults } from './imap-session.ts'
import { structureFaults } from './imap-structure.ts'

export const imapFaults: Faults = {
  ...sessionFaults,
  ...fetchFaults,
  ...structureFaults,
  ...searchFaults,
}

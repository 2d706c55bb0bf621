// The IMAP cases of an opened mailbox and its messages, with the extensions about them.
import { binaryCases } from './binary.ts'
import { bodystructureCases } from './bodystructure.ts'
import { condstoreCases } from './condstore.ts'
import { copyCases, moveCases } from './copy.ts'
import { envelopeCases } from './envelope.ts'
import { expungeCases } from './expunge.ts'
import { fetchItemCases, seenCases } from './fetch-items.ts'
import { fetchSectionCases } from './fetch-sections.ts'
import { notifyCases } from './notify.ts'
import { objectIdCases, previewCases, saveDateCases } from './objects.ts'
import { qresyncCases } from './qresync.ts'
import { catenateCases, replaceCases, urlauthCases } from './rewrite.ts'
import { searchCases } from './search.ts'
import { esearchCases, partialCases, searchresCases, withinCases } from './search-results.ts'
import { sessionExtensionCases } from './session-extensions.ts'
import { contextCases, esortCases, sortCases, sortDisplayCases } from './sort.ts'
import { storeCases } from './store.ts'
import type { ImapCase } from './suite.ts'
import { threadCases } from './thread.ts'
import { recentCases, uidCases, updateCases } from './updates.ts'

export const openedCases: readonly ImapCase[] = [
  ...fetchSectionCases,
  ...fetchItemCases,
  ...seenCases,
  ...envelopeCases,
  ...bodystructureCases,
  ...binaryCases,
  ...searchCases,
  ...esearchCases,
  ...searchresCases,
  ...withinCases,
  ...partialCases,
  ...storeCases,
  ...copyCases,
  ...moveCases,
  ...expungeCases,
  ...updateCases,
  ...recentCases,
  ...uidCases,
  ...condstoreCases,
  ...qresyncCases,
  ...sortCases,
  ...sortDisplayCases,
  ...threadCases,
  ...esortCases,
  ...contextCases,
  ...objectIdCases,
  ...saveDateCases,
  ...previewCases,
  ...replaceCases,
  ...catenateCases,
  ...urlauthCases,
  ...notifyCases,
  ...sessionExtensionCases,
]

// Opens the mailbox store in the format that the site has chosen.
import type { Site } from '../config/site.ts'
import { type FileStoreOptions, openFileStore } from './file-store.ts'
import type { MailboxStore } from './mailbox-store.ts'

export const openStore = (
  options: FileStoreOptions & { readonly format: Site['store']['format'] },
): Promise<MailboxStore> => openFileStore(options.format, options)

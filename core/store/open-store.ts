// Opens the mailbox store in the format that the site has chosen.
import type { Site } from '../config/site.ts'
import type { MailboxStore } from './mailbox-store.ts'
import { type FileStoreOptions, openMaildirStore } from './maildir-store.ts'

export function openStore(
  options: FileStoreOptions & { readonly format: Site['store']['format'] },
): Promise<MailboxStore> {
  return openMaildirStore(options)
}

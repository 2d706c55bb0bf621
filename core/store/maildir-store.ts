// The Maildir++ store, as Dovecot lays it out.
import { type FileStoreOptions, openFileStore } from './file-store.ts'
import type { MailboxStore } from './mailbox-store.ts'

export const openMaildirStore = (options: FileStoreOptions): Promise<MailboxStore> => openFileStore('maildir', options)

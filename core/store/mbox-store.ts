// The mbox store: a mail file a mailbox, under locks that other mail programs honour.
import { type FileStoreOptions, openFileStore } from './file-store.ts'
import type { MailboxStore } from './mailbox-store.ts'

export const openMboxStore = (options: FileStoreOptions): Promise<MailboxStore> => openFileStore('mbox', options)

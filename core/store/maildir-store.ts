// Opens the Maildir++ store: its engine and its reader each on a thread, or in this one for file systems of tests.
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/log.ts'
import { nodeFiles } from '../base/node-files.ts'
import { createContentService } from './content-service.ts'
import type { EngineEvent } from './engine.ts'
import { EngineStore } from './engine-store.ts'
import type { MailboxStore } from './mailbox-store.ts'
import { MaildirEngine } from './maildir/engine.ts'
import { createPlainSyncer } from './syncer.ts'

export interface FileStoreOptions {
  /** `<data>/mail`: holds `<domain>/<local>/`. */
  readonly directory: string
  readonly files?: Files
  readonly clock: Clock
  readonly log: Logger
  readonly hostname: string
}

export async function openMaildirStore(options: FileStoreOptions): Promise<MailboxStore> {
  const files = options.files ?? nodeFiles
  const store: EngineStore = new EngineStore({
    engine: new MaildirEngine({
      ...options,
      files,
      syncer: createPlainSyncer(files),
      watch: files === nodeFiles,
      emit: (event: EngineEvent) => store.event(event),
    }),
    content: createContentService(files),
    files,
    stop: async () => {},
  })
  return store
}

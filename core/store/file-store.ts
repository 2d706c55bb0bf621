// Opens a store on files: its engine and its reader each on a thread, or in this one for the file systems of tests.
import { mkdirSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/log.ts'
import { nodeFiles } from '../base/node-files.ts'
import { type ContentService, createContentService } from './content-service.ts'
import type { EngineDelivery, EngineEvent, EngineMessage, StoreEngine } from './engine.ts'
import { EngineStore } from './engine-store.ts'
import type { MailboxStore } from './mailbox-store.ts'
import { MaildirEngine } from './maildir/engine.ts'
import { MboxEngine } from './mbox/engine.ts'
import { createPlainSyncer } from './syncer.ts'
import { createThread } from './thread.ts'
import type { PostedLine, StoreThreadData } from './thread-log.ts'

export interface FileStoreOptions {
  /** `<data>/mail`: holds `<domain>/<local>/`. */
  readonly directory: string
  /** The real ones by default; with others all work is done in this thread, without an index. */
  readonly files?: Files
  readonly clock: Clock
  readonly log: Logger
  readonly hostname: string
}

export type FileFormat = 'maildir' | 'mbox'

export async function openFileStore(format: FileFormat, options: FileStoreOptions): Promise<MailboxStore> {
  const files = options.files ?? nodeFiles
  return files === nodeFiles ? openThreaded(format, options) : openInline(format, options, files)
}

function openThreaded(format: FileFormat, { directory, hostname, clock, log }: FileStoreOptions): EngineStore {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const onEvent = (event: unknown) => {
    const posted = event as EngineEvent | PostedLine
    if (posted.kind === 'log') log[posted.level](posted.line, posted.fields)
    else store.event(posted)
  }
  const data: StoreThreadData = { format, directory, hostname }
  const engine = createThread<StoreEngine>({
    module: 'core/store/store-worker',
    name: 'store',
    data,
    onEvent,
    onLost: (why) => store.lost(why),
    transfer: {
      deliver: ([deliveries]: [EngineDelivery[]]) => blocksOf(deliveries.map(({ message }) => message)),
      append: ([, messages]: [number, EngineMessage[]]) => blocksOf(messages),
    },
  })
  const content = createThread<ContentService>({
    module: 'core/store/content-worker',
    name: 'content',
    data: null,
    onEvent,
    onLost: (why) => log.error('the thread that reads messages restarts', { error: why }),
  })
  const store = new EngineStore({
    engine: engine.target,
    content: content.target,
    files: nodeFiles,
    clock,
    log,
    index: true,
    async stop() {
      await engine.stop()
      await content.stop()
    },
  })
  return store
}

const blocksOf = (messages: readonly EngineMessage[]): ArrayBuffer[] => [
  ...new Set(messages.flatMap(({ octets }) => (octets ? [octets.buffer as ArrayBuffer] : []))),
]

function openInline(format: FileFormat, options: FileStoreOptions, files: Files): EngineStore {
  const deps = { ...options, files, emit: (event: EngineEvent) => store.event(event) }
  const engine =
    format === 'mbox'
      ? new MboxEngine(deps)
      : new MaildirEngine({ ...deps, syncer: createPlainSyncer(files), watch: false })
  const { clock, log } = options
  const stop = async () => {}
  const content = createContentService({ files, log })
  const store = new EngineStore({ engine, content, files, clock, log, index: false, stop })
  return store
}

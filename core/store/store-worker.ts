// The store thread: deliveries, flags, expunges, scans; everything that writes to mailboxes.
import { workerData } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { nodeFiles } from '../base/node-files.ts'
import type { EngineEvent, OpenedMailbox, StoreEngine } from './engine.ts'
import { transferList } from './mailbox-state.ts'
import { MaildirEngine } from './maildir/engine.ts'
import { MboxEngine } from './mbox/engine.ts'
import { serve } from './rpc.ts'
import { createSyncer } from './syncer.ts'
import { threadPort } from './thread.ts'
import { postingLogger, type StoreThreadData } from './thread-log.ts'

const { format, directory, hostname } = workerData as StoreThreadData
let emit: (event: EngineEvent) => void = () => {}
const deps = {
  directory,
  files: nodeFiles,
  clock: systemClock,
  log: postingLogger((line) => threadPort().post({ event: line }, [])),
  emit: (event: EngineEvent) => emit(event),
}
const engine: StoreEngine =
  format === 'mbox'
    ? new MboxEngine(deps)
    : new MaildirEngine({ ...deps, hostname, syncer: createSyncer(systemClock, directory), watch: true })

const methods = new Proxy(engine, {
  get: (target, method) => (target[method as keyof StoreEngine] as (...args: unknown[]) => unknown).bind(target),
})
emit = serve(threadPort(), methods as never, {
  open: ({ columns, places }: OpenedMailbox) => [
    ...transferList(columns),
    ...(places ? [places.bases.octets.buffer as ArrayBuffer, places.bases.ends.buffer as ArrayBuffer] : []),
  ],
}).emit

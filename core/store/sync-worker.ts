// The sync thread: one call makes all that was written to a file system stable. Node has none for it, so it is the C library's.

import { dlopen } from 'node:ffi'
import { openSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { serve } from './rpc.ts'
import type { SyncService } from './syncer.ts'
import { threadPort } from './thread.ts'

const { functions } = dlopen(null, { syncfs: { arguments: ['i32'], return: 'i32' } })
/** Stays open, so that errors of earlier writes are reported to it, whenever they happened. */
const folder = openSync(workerData as string, 'r')

const service: SyncService = {
  syncFileSystem: async () => functions.syncfs(folder) === 0,
}
serve(threadPort(), service as never)

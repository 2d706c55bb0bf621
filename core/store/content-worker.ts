// The content thread: reads messages, describes and searches them, and keeps the index.
import { setImmediate } from 'node:timers/promises'
import { nodeFiles } from '../base/node-files.ts'
import { createContentService, type PackedHeaders, type PackedMessages } from './content-service.ts'
import { serve } from './rpc.ts'
import { threadPort } from './thread.ts'
import { postingLogger } from './thread-log.ts'

const log = postingLogger((line) => threadPort().post({ event: line }, []))
const service = createContentService({ files: nodeFiles, log }, async () => {
  await setImmediate()
})

const packed = ({ octets, ends, uids }: PackedHeaders) =>
  [octets, ends, uids].map(({ buffer }) => buffer as ArrayBuffer)

serve(threadPort(), service as never, {
  headers: packed,
  storedHeaders: packed,
  read: ({ octets, sizes }: PackedMessages) => [octets.buffer, sizes.buffer] as ArrayBuffer[],
})

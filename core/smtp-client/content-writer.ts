// Puts a message on the wire: small ones in one write, large ones as fast as the other side reads.
import type { Socket } from 'node:net'
import { contentChunks, type MessageContent } from '../message/content.ts'
import { DotStuffer } from './wire/dot-stuffer.ts'

const SMALL_MESSAGE = 128 * 1024
/** Octets gathered for one write, so that a header does not go alone. */
const CHUNK = 64 * 1024

/** The whole message as DATA wants it, the final dot included; null when it is large or not in memory. */
export function smallContent({ header, body, bodyStart, size }: MessageContent): Buffer[] | null {
  if (!body.bytes || size > SMALL_MESSAGE) return null
  const stuffer = new DotStuffer()
  const whole = stuffer.push(header)
  whole.push(...stuffer.push(body.bytes.subarray(bodyStart), body.plain), stuffer.end())
  return whole
}

/** Several buffers as one write. */
export function writeTogether(socket: Socket, buffers: readonly Buffer[]): boolean {
  socket.cork()
  for (const buffer of buffers) socket.write(buffer)
  socket.uncork()
  return !socket.writableNeedDrain
}

/** Writes all but the end, which it gives back; null when the socket closed first. `onProgress` is told of each chunk taken. */
export async function streamContent(
  socket: Socket,
  content: MessageContent,
  onProgress: () => void,
): Promise<Buffer[] | null> {
  const stuffer = new DotStuffer()
  let held: Buffer[] = []
  let octets = 0
  for await (const chunk of contentChunks(content)) {
    if (socket.destroyed) return null
    held.push(...stuffer.push(chunk))
    octets += chunk.length
    if (octets < CHUNK) continue
    const flowing = writeTogether(socket, held)
    held = []
    octets = 0
    if (!flowing && !(await drained(socket))) return null
    onProgress()
  }
  return [...held, stuffer.end()]
}

/** False when the socket closed first. */
function drained(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (result: boolean) => {
      socket.off('drain', onDrain)
      socket.off('close', onClose)
      resolve(result)
    }
    const onDrain = () => finish(true)
    const onClose = () => finish(false)
    if (socket.destroyed) return resolve(false)
    socket.once('drain', onDrain)
    socket.once('close', onClose)
  })
}

// What hangs on a socket after its end.
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'

/**
 * Takes all listeners from a socket that has emitted 'close'. V8 puts a closure that is assigned to a property into the
 * old generation, and every Writable of Node 26 gets such a one, so that the socket outlives its connection until the
 * next full collection: it must not take the whole session along.
 */
export function strip(socket: Socket): void {
  // not the socket's own method, which would look whether it is to flow
  EventEmitter.prototype.removeAllListeners.call(socket)
  socket.on('error', ignore)
}

const ignore = (): void => {}

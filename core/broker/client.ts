// The server's side of the broker: asks its root parent over the channel it was started with.
import type { Server } from 'node:net'
import { Failure, temporary } from '../base/failure.ts'
import type { ListenerSettings } from '../config/site.ts'
import { contentChunks, type MessageContent } from '../message/content.ts'
import type { AsUser } from '../plugin/services.ts'
import type { BrokerRequest, Down, Refusal, Up } from './protocol.ts'

export interface Broker {
  /** A bound socket for an address of the configuration. */
  bind(listener: ListenerSettings): Promise<Server>
  readKey(path: string): Promise<Buffer>
  readonly asUser: AsUser
  /** Lets the parent go: the channel would keep this process alive. */
  close(): void
}

interface Answer {
  readonly value: unknown
  readonly handle: Server | undefined
}

/** What goes with a request. */
interface Sent {
  readonly content?: MessageContent
  readonly signal?: AbortSignal | undefined
}

interface Waiting {
  resolve(answer: Answer): void
  reject(error: Error): void
  /** The other side takes the next chunk. */
  more(): void
}

/** null when this process was not started by a broker. */
export function connectBroker(): Broker | null {
  if (process.env.ESTAFETA_BROKER !== '1' || !process.send) return null
  const waiting = new Map<number, Waiting>()
  let next = 0
  process.on('message', (up: Up, handle: Server | undefined) => {
    const one = waiting.get(up.id)
    if (!one) return
    if ('more' in up) return one.more()
    waiting.delete(up.id)
    if ('value' in up) one.resolve({ value: up.value, handle })
    else one.reject(failureOf(up.error))
  })
  // a server without its parent could neither deliver nor bind: it ends, and nothing queued is lost
  const orphaned = (): void => {
    for (const { reject } of waiting.values()) reject(temporary('the parent process has ended'))
    waiting.clear()
    process.kill(process.pid, 'SIGTERM')
  }
  process.on('disconnect', orphaned)
  const send = (down: Down): void => {
    if (process.connected) process.send!(down)
  }

  const ask = async (request: BrokerRequest, { content, signal }: Sent = {}): Promise<Answer> => {
    if (!process.connected) throw temporary('the parent process has ended')
    const id = ++next
    const taken = new Gate()
    const answered = new Promise<Answer>((resolve, reject) => {
      waiting.set(id, { resolve, reject, more: () => taken.open() })
    })
    const giveUp = (why: Error): void => {
      const one = waiting.get(id)
      if (!one) return
      waiting.delete(id)
      one.reject(why)
      send({ id, cancel: true })
    }
    const stopped = (): void => giveUp(temporary(`${request.ask}: given up`))
    signal?.addEventListener('abort', stopped)
    /** false: the answer came first. */
    const room = async (): Promise<boolean> => {
      await Promise.race([taken.passed(), answered])
      return waiting.has(id)
    }
    try {
      send({ id, request })
      if (signal?.aborted) stopped()
      if (content) feed(content, room, (chunk) => send({ id, chunk })).catch(giveUp)
      return await answered
    } finally {
      signal?.removeEventListener('abort', stopped)
    }
  }

  return {
    async bind({ service, host, port, path }) {
      const { handle } = await ask({ ask: 'bind', listener: { service, host, port, path } })
      if (!handle) throw temporary(`no socket came with the answer for ${host}:${port}`)
      return handle
    },
    async readKey(path) {
      return Buffer.from((await ask({ ask: 'readKey', path })).value as Uint8Array)
    },
    asUser: {
      available: true,
      async deliver(user, target, content, signal) {
        await ask({ ask: 'deliver', user, target }, { content, signal })
      },
      async readForward(user) {
        return (await ask({ ask: 'readForward', user })).value as string | null
      },
      async pipe(user, command, content, signal) {
        return (await ask({ ask: 'pipe', user, ...command }, { content, signal })).value as {
          code: number
          output: string
        }
      },
    },
    close() {
      process.off('disconnect', orphaned)
      if (process.connected) process.disconnect?.()
    },
  }
}

/** A chunk a time, as long as there is room for the next: the other side has taken the one before. */
async function feed(
  content: MessageContent,
  room: () => Promise<boolean>,
  send: (chunk: Uint8Array | null) => void,
): Promise<void> {
  for await (const chunk of contentChunks(content)) {
    if (chunk.length === 0) continue
    if (!(await room())) return
    send(chunk)
  }
  if (await room()) send(null)
}

/** Opened from outside, passed once for each opening. */
class Gate {
  #open: () => void = () => {}
  #opened = this.#next()

  open(): void {
    this.#open()
  }
  async passed(): Promise<void> {
    await this.#opened
    this.#opened = this.#next()
  }
  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#open = resolve
    })
  }
}

const failureOf = ({ kind, detail, reply }: Refusal): Failure => new Failure(kind, detail, reply ? { reply } : {})

const refused = (): Promise<never> =>
  Promise.reject(temporary('the server was not started as root: it cannot act as another user'))

/** Without a broker nothing is done as another user. */
export const noAsUser: AsUser = { available: false, deliver: refused, readForward: refused, pipe: refused }

// The server's side of the broker: asks its root parent over the channel it was started with.
import type { Server } from 'node:net'
import { permanent, temporary } from '../base/failure.ts'
import type { ListenerSettings } from '../config/site.ts'
import { contentChunks, type MessageContent } from '../message/content.ts'
import type { AsUser } from '../plugin/services.ts'
import type { BrokerRequest, Down, Up } from './protocol.ts'

export interface Broker {
  /** A bound socket for an address of the configuration. */
  bind(listener: ListenerSettings): Promise<Server>
  readKey(path: string): Promise<Buffer>
  readonly asUser: AsUser
  /** Lets the parent go: the channel would keep this process alive. */
  close(): void
}

interface Waiting {
  resolve(value: { value: unknown; handle: Server | undefined }): void
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
    else one.reject(up.error.kind === 'permanent' ? permanent(up.error.detail) : temporary(up.error.detail))
  })
  // a server without its parent could neither deliver nor bind: it ends, and nothing queued is lost
  const orphaned = (): void => void process.kill(process.pid, 'SIGTERM')
  process.on('disconnect', orphaned)
  const send = (down: Down): void => void process.send!(down)

  const ask = async (
    request: BrokerRequest,
    content?: MessageContent,
  ): Promise<{ value: unknown; handle: Server | undefined }> => {
    const id = ++next
    let more: () => void = () => {}
    let ready = new Promise<void>((resolve) => {
      more = resolve
    })
    const answered = new Promise<{ value: unknown; handle: Server | undefined }>((resolve, reject) => {
      waiting.set(id, { resolve, reject, more: () => more() })
    })
    send({ id, request })
    if (content) {
      const taken = async (): Promise<void> => {
        await Promise.race([ready, answered])
        ready = new Promise<void>((resolve) => {
          more = resolve
        })
      }
      for await (const chunk of contentChunks(content)) {
        if (chunk.length === 0) continue
        await taken()
        send({ id, chunk })
      }
      await taken()
      send({ id, chunk: null })
    }
    return answered
  }

  return {
    async bind({ host, port, path }) {
      const { handle } = await ask({ ask: 'bind', listener: { host, port, path } })
      if (!handle) throw temporary(`no socket came with the answer for ${host}:${port}`)
      return handle
    },
    async readKey(path) {
      return Buffer.from((await ask({ ask: 'readKey', path })).value as Uint8Array)
    },
    asUser: {
      available: true,
      async deliver(user, target, content) {
        await ask({ ask: 'deliver', user, target }, content)
      },
      async readForward(user) {
        return (await ask({ ask: 'readForward', user })).value as string | null
      },
      async pipe(user, command, content, environment) {
        return (await ask({ ask: 'pipe', user, command, environment }, content)).value as {
          code: number
          output: string
        }
      },
    },
    close() {
      process.off('disconnect', orphaned)
      process.disconnect?.()
    },
  }
}

const refused = (): Promise<never> =>
  Promise.reject(temporary('the server was not started as root: it cannot act as another user'))

/** Without a broker nothing is done as another user. */
export const noAsUser: AsUser = { available: false, deliver: refused, readForward: refused, pipe: refused }

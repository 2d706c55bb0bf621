// Scans with clamscan behind guards: a deadline that closes the socket, flow control, and only a clear answer counts.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import NodeClam from 'clamscan'
import { temporary } from 'estafeta/plugin'

export interface ClamdAddress {
  readonly socket: string | null
  readonly host: string
  readonly port: number
}

/** Names of what was found; empty when clean. */
export type Scan = (chunks: AsyncIterable<Buffer>, signal: AbortSignal) => Promise<readonly string[]>

/** Gives a scan function. Whatever is no clear answer rejects with a temporary Failure. No connection is made before the first scan. */
export function createScan(address: ClamdAddress): Scan {
  return async (chunks, signal) => {
    const scanner = await new WatchedClam(signal).init(options(address))
    try {
      const { isInfected, viruses, resultString } = await scanner.scan(chunks)
      if (isInfected === false) return []
      if (isInfected === true) return viruses.length > 0 ? viruses.map(printable) : ['unnamed']
      throw temporary(`clamd gave no verdict: '${printable(resultString)}'`)
    } catch (error) {
      if (signal.aborted) throw temporary('clamd did not answer in time', { cause: error })
      if (error instanceof Error) throw temporary(`clamd: ${printable(error.message)}`, { cause: error })
      throw error
    } finally {
      scanner.end()
    }
  }
}

/** The connection test at `init` and the command line scanner are off: clamd may be down when the server starts. */
const options = ({ socket, host, port }: ClamdAddress) => ({
  clamdscan: {
    ...(socket === null ? { host, port } : { socket }),
    path: false,
    localFallback: false,
    bypassTest: true,
  },
  clamscan: { active: false },
  preference: 'clamdscan',
})

const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '').slice(0, 200)

/** One scan's client: clamscan keeps its socket to itself, waits for no `drain`, and has no deadline for an answer. */
class WatchedClam extends NodeClam {
  #socket: Socket | null = null
  #fail: (error: Error) => void = () => {}
  readonly #signal: AbortSignal

  constructor(signal: AbortSignal) {
    super()
    this.#signal = signal
  }

  scan(chunks: AsyncIterable<Buffer>) {
    const source = Readable.from(this.#paced(chunks))
    return new Promise<Awaited<ReturnType<NodeClam['scanStream']>>>((resolve, reject) => {
      this.#fail = reject
      this.#signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
      this.scanStream(source).then(resolve, reject)
    }).finally(() => source.destroy())
  }

  end(): void {
    this.#socket?.destroy()
  }

  protected override async _initSocket(label?: string): Promise<Socket> {
    const socket = await super._initSocket(label)
    this.#socket = socket
    socket.setTimeout(0)
    if (this.#signal.aborted) socket.destroy()
    // 'end' resolves a scan before this; without it the connection was lost
    socket.once('close', () => this.#fail(new Error('connection closed before an answer')))
    // as soon as clamscan has attached its own handler, which would print to standard error
    process.nextTick(() => {
      socket.removeAllListeners('error')
      socket.on('error', (error) => this.#fail(error))
    })
    return socket
  }

  async *#paced(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const chunk of chunks) {
      if (this.#socket?.writableNeedDrain) await once(this.#socket, 'drain', { signal: this.#signal })
      if (chunk.length > 0) yield chunk
    }
  }
}

// A socket that outlives its connection keeps nothing of the session that it served.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { strip } from './closed-socket.ts'

// only contexts made after the flag have it
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

let client: Socket
let served: Socket

beforeEach(async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  client = connect((server.address() as { port: number }).port, '127.0.0.1')
  ;[served] = (await once(server, 'connection')) as [Socket]
  server.close()
})
afterEach(() => {
  client.destroy()
  served.destroy()
})

/** What a session is to the collector: something large that the socket's listeners hold. */
function attachSession(socket: Socket): WeakRef<object> {
  const session = { seen: [] as unknown[] }
  for (const event of ['data', 'readable', 'end', 'error', 'close']) socket.on(event, () => session.seen.push(event))
  return new WeakRef(session)
}

/** A WeakRef holds its object until the turn of the event loop in which it was made or read is over. */
async function isCollected(session: WeakRef<object>): Promise<boolean> {
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  return session.deref() === undefined
}

describe('a closed socket that something still holds', () => {
  it('keeps the session of its listeners', async () => {
    const session = attachSession(served)
    served.destroy()
    await once(served, 'close')
    expect(await isCollected(session)).toBe(false)
  })

  it('lets it go once it is stripped', async () => {
    const session = attachSession(served)
    served.destroy()
    await once(served, 'close')
    strip(served)
    expect(await isCollected(session)).toBe(true)
  })

  it('is stripped by a listener of its end, and the others still hear of it', async () => {
    const heard: string[] = []
    served.on('close', () => strip(served))
    served.on('close', () => heard.push('close'))
    served.destroy()
    await once(served, 'close')
    expect(heard).toEqual(['close'])
  })

  it('may fail once more without anybody listening', async () => {
    served.destroy()
    await once(served, 'close')
    strip(served)
    expect(served.emit('error', new Error('late'))).toBe(true)
  })
})

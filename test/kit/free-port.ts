// Ports for daemons that cannot be told to choose one: outside the range that the kernel gives out by itself.
import { createServer } from 'node:net'

const FIRST = 15000
const COUNT = 15000
let next = FIRST + ((process.pid * 97) % COUNT)

/** A loopback TCP port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    next = next + 1 < FIRST + COUNT ? next + 1 : FIRST
    if (await isFree(next)) return next
  }
  throw new Error('no free port')
}

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

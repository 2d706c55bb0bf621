// Ports for daemons that cannot be told to choose one: outside the range that the kernel gives out by itself.
import { createServer } from 'node:net'

const FIRST = 15000
const COUNT = 15000
let next = FIRST + ((process.pid * 97) % COUNT)

/** A loopback TCP port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    next = next + 1 < FIRST + COUNT ? next + 1 : FIRST
    const port = next
    if (await isFree(port)) return port
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

/** What the demo adds to its ports so that all of them are free here. */
export async function freeDemoOffset(): Promise<number> {
  const ports = [2525, 2587, 2465, 2143, 2993, 2110, 2995]
  for (let tries = 0; tries < 100; tries++) {
    const offset = (await freePort()) - ports[0]!
    const free = await Promise.all(ports.map((port) => isFree(port + offset)))
    if (free.every(Boolean)) return offset
  }
  throw new Error('no free ports for a demo')
}

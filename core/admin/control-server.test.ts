import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { permanent, temporary } from '../base/failure.ts'
import { silentLogger } from '../base/log.ts'
import { controlBytes, controlJson, controlLines } from './control-client.ts'
import { type ControlServer, type Route, startControlServer } from './control-server.ts'

let folder: string
let socket: string
let server: ControlServer
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-control-'))
  socket = join(folder, 'control.sock')
  server = await startControlServer(socket, routes, silentLogger)
})
afterEach(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

async function* broken<T>(...first: T[]): AsyncIterable<T> {
  yield* first
  throw temporary('/queue/body/x is shorter than it should be: é')
}
const routes: readonly Route[] = [
  { method: 'GET', path: /^\/bytes$/, handle: () => ({ bytes: broken(Buffer.from('first')) }) },
  { method: 'GET', path: /^\/none$/, handle: () => ({ bytes: broken<Buffer>() }) },
  { method: 'GET', path: /^\/lines$/, handle: () => ({ lines: broken({ n: 1 }, { n: 2 }) }) },
  {
    method: 'GET',
    path: /^\/refused$/,
    handle: () => {
      throw permanent('not like that')
    },
  },
]

/** What came, and the failure at its end. */
async function read<T>(answer: AsyncIterable<T>): Promise<{ got: T[]; failed: string | null }> {
  const got: T[] = []
  try {
    for await (const one of answer) got.push(one)
    return { got, failed: null }
  } catch (error) {
    return { got, failed: (error as Error).message }
  }
}

test('a failure within a long answer is told to who asked, behind what came before', async () => {
  const failed = '/queue/body/x is shorter than it should be: é'
  expect(await read(controlBytes(socket, '/bytes'))).toEqual({ got: [Buffer.from('first')], failed })
  expect(await read(controlBytes(socket, '/none'))).toEqual({ got: [], failed })
  expect(await read(controlLines(socket, '/lines'))).toEqual({ got: [{ n: 1 }, { n: 2 }], failed })
})

test('a refusal has its reason', async () => {
  await expect(controlJson(socket, 'GET', '/refused')).rejects.toThrow('not like that')
})

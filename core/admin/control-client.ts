// Asks the running server over its control socket.
import type { IncomingMessage } from 'node:http'
import { permanent, temporary } from '../base/failure.ts'
import { ConfigError, type Problem } from '../config/problems.ts'
import { FAILURE } from './control-server.ts'

/** An import would also load the HTTP client of the web's kind, which costs more than the request. */
const { request: httpRequest } = process.getBuiltinModule('node:http')

/** No server answers on the socket: it is down. */
export class ServerDown extends Error {}

/** Rejects with ServerDown when nobody listens, with a Failure when the server refuses, with ConfigError when its new configuration is bad. */
export function controlRequest(
  socket: string,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? null : JSON.stringify(body)
    const headers =
      payload === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
    const request = httpRequest({ socketPath: socket, method, path, headers }, (response) => {
      if (response.statusCode === 200) return resolve(response)
      text(response).then((answer) => reject(refusal(response.statusCode ?? 500, answer)), reject)
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      const down = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
      if (error.code === 'EACCES') error.message = `only root and the server's own user may ask it (${socket})`
      reject(down ? new ServerDown(`no server answers at ${socket}`) : error)
    })
    request.end(payload ?? undefined)
  })
}

export async function controlJson<T>(socket: string, method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  return JSON.parse(await text(await controlRequest(socket, method, path, body))) as T
}

/** Throws behind the last octets when the server could not give all of them. */
export async function* controlBytes(socket: string, path: string): AsyncIterable<Buffer> {
  const response = await controlRequest(socket, 'GET', path)
  yield* response as AsyncIterable<Buffer>
  const failed = response.trailers[FAILURE]
  if (failed !== undefined) throw temporary(decodeURIComponent(failed))
}

export async function* controlLines<T>(socket: string, path: string): AsyncIterable<T> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const octets of controlBytes(socket, path)) {
    const chunk = decoder.decode(octets, { stream: true })
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line) as T
  }
}

async function text(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let all = ''
  for await (const chunk of response as AsyncIterable<string>) all += chunk
  return all
}

function refusal(status: number, answer: string): Error {
  const { error, problems } = parsed(answer)
  if (problems) return new ConfigError(problems)
  return status < 500 ? permanent(error) : temporary(error)
}

function parsed(answer: string): { error: string; problems?: readonly Problem[] } {
  try {
    const { error = answer, ...more } = JSON.parse(answer) as { error?: string; problems?: readonly Problem[] }
    return { error, ...more }
  } catch {
    return { error: answer }
  }
}

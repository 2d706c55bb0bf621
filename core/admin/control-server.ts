// The running server's control socket: HTTP/1.1 and JSON over a unix socket that only its owner may open.
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import { asFailure } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { ConfigError } from '../config/problems.ts'

/** An import would also load the HTTP client of the web's kind, which costs a twentieth of the server's start. */
const { createServer } = process.getBuiltinModule('node:http')

/** `body` is the request's JSON, undefined without one; `match` are the path's groups. */
export interface ControlRequest {
  readonly match: readonly string[]
  readonly query: URLSearchParams
  readonly body: unknown
}

/** JSON for one value; a stream for long lists (NDJSON) or bytes. */
export type ControlAnswer =
  | { readonly json: unknown; readonly status?: number }
  | { readonly lines: Iterable<unknown> | AsyncIterable<unknown> }
  | { readonly bytes: AsyncIterable<Buffer> }

export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
  readonly handle: (request: ControlRequest) => ControlAnswer | Promise<ControlAnswer>
}

/** The trailer that says why a stream ends before its end (RFC 9110 §6.5). */
export const FAILURE = 'x-failure'

const MAX_BODY = 8 * 1024 * 1024

export interface ControlServer {
  close(): Promise<void>
}

export async function startControlServer(path: string, routes: readonly Route[], log: Logger): Promise<ControlServer> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  rmSync(path, { force: true })
  const server = createServer((request, response) => {
    answer(request, response, routes).catch((thrown) => {
      if (thrown instanceof ConfigError)
        return sendJson(response, 422, { error: thrown.format(), problems: thrown.problems })
      const failure = asFailure(thrown)
      if (failure.kind === 'bug') log.error(`control request failed: ${failure.detail}`, { component: 'control' })
      if (response.headersSent) response.destroy()
      else sendJson(response, failure.kind === 'permanent' ? 400 : 503, { error: failure.detail })
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  chmodSync(path, 0o600)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, routes: readonly Route[]): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://control')
  for (const route of routes) {
    const match = route.method === request.method ? route.path.exec(url.pathname) : null
    if (!match) continue
    const body = request.method === 'POST' ? await readJson(request) : undefined
    const result = await route.handle({ match: match.slice(1).map(decodeURIComponent), query: url.searchParams, body })
    if ('json' in result) return sendJson(response, result.status ?? 200, result.json)
    response.writeHead(200, { 'content-type': 'lines' in result ? 'application/x-ndjson' : 'application/octet-stream' })
    try {
      if ('lines' in result) for await (const line of result.lines) await write(response, `${JSON.stringify(line)}\n`)
      else for await (const chunk of result.bytes) await write(response, chunk)
    } catch (thrown) {
      response.addTrailers({ [FAILURE]: encodeURIComponent(asFailure(thrown).detail) })
    }
    response.end()
    return
  }
  sendJson(response, 404, { error: `nothing answers ${request.method} ${url.pathname}` })
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) throw asFailure(new Error('request too large'))
    parts.push(chunk)
  }
  return size === 0 ? undefined : JSON.parse(Buffer.concat(parts).toString('utf8'))
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(value)}\n`)
}

async function write(response: ServerResponse, chunk: string | Buffer): Promise<void> {
  if (response.write(chunk) || response.destroyed) return
  await new Promise<void>((resolve) => {
    response.once('drain', resolve)
    response.once('close', resolve)
  })
}

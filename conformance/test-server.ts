// Small scripted servers on real sockets for the tests of the runner: each connection is played by a function.
import { createServer, type Server, type Socket } from 'node:net'

export interface TestServer extends AsyncDisposable {
  readonly port: number
  /** The most connections that were open at a time. */
  readonly most: number
  readonly connections: number
}

export async function startTestServer(play: (socket: Socket) => void): Promise<TestServer> {
  const sockets = new Set<Socket>()
  const seen = { most: 0, connections: 0 }
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    seen.connections++
    seen.most = Math.max(seen.most, sockets.size)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    play(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get most() {
      return seen.most
    },
    get connections() {
      return seen.connections
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type Answers = { readonly [verb: string]: string | ((socket: Socket) => void) }

const USUAL: { readonly [verb: string]: string } = {
  EHLO: '250-test.example\r\n250 PIPELINING\r\n',
  HELO: '250 test.example\r\n',
  MAIL: '250 ok\r\n',
  RCPT: '250 ok\r\n',
  RSET: '250 ok\r\n',
  NOOP: '250 ok\r\n',
  VRFY: '252 perhaps\r\n',
}

/** An SMTP server whose answers, by verb (`hello` is the greeting), may be replaced. */
export const smtpServer =
  (answers: Answers = {}) =>
  (socket: Socket): void => {
    const answer = (verb: string, usual: string): void => {
      const given = answers[verb] ?? usual
      if (typeof given === 'string') socket.write(given)
      else given(socket)
    }
    let rest = ''
    answer('hello', '220 test.example ready\r\n')
    socket.on('data', (bytes) => {
      const lines = `${rest}${bytes.toString('latin1')}`.split('\r\n')
      rest = lines.pop()!
      for (const line of lines) {
        const verb = line.split(' ')[0]!.toUpperCase()
        answer(verb, USUAL[verb] ?? (verb === 'QUIT' ? '221 bye\r\n' : '500 unknown\r\n'))
        if (verb === 'QUIT' && answers.QUIT === undefined) socket.end()
      }
    })
  }

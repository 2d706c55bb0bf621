// What the smtp-server peer runs: smtp-server-program <folder of the package> <port> <folder for messages>
import { open, unlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

interface Options {
  readonly [option: string]: unknown
  onData(stream: Readable, session: unknown, done: (error?: Error) => void): void
}
type Server = new (options: Options) => { listen(port: number, host: string): void }

const [library = '', port = '', spool = ''] = process.argv.slice(2)
const { SMTPServer } = createRequire(join(library, 'package.json'))(library) as { SMTPServer: Server }
let count = 0

async function keep(stream: Readable): Promise<string> {
  const path = join(spool, String(++count))
  const chunks = await stream.toArray()
  const file = await open(path, 'wx')
  await file.writeFile(Buffer.concat(chunks))
  await file.sync()
  await file.close()
  return path
}

new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS', 'AUTH'],
  disableReverseLookup: true,
  logger: false,
  maxClients: 5000,
  onData(stream, _session, done) {
    keep(stream).then((path) => {
      done()
      return unlink(path)
    }, done)
  },
}).listen(Number(port), '127.0.0.1')

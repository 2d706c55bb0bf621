// A small careful IMAP4rev2 and IMAP4rev1 server in memory, written for the proofs of the conformance suite alone, with named faults.
import { createServer, type Server, type Socket } from 'node:net'
import type { Rule } from '../fault.ts'
import { Connection } from './imap-connection.ts'
import type { ServerSide } from './imap-session.ts'
import { Account } from './imap-store.ts'

export interface ImapOptions {
  /** User name → password. */
  readonly users: { readonly [name: string]: string }
  /** PEM; without it there is no TLS. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** TLS from the first octet. */
  readonly implicit?: boolean
  /** Passwords are refused without TLS. */
  readonly privacyRequired?: boolean
  /** A mailbox with inferiors is not deleted (RFC 9051 §6.3.5). */
  readonly keepsParents?: boolean
  /** APPENDLIMIT (RFC 7889), in octets. */
  readonly appendLimit?: number
  readonly limitByStatus?: boolean
  /** Names above a new mailbox are levels, not mailboxes. */
  readonly bareLevels?: boolean
  /** UTF8=ACCEPT, PARTIAL, REPLACE, UNAUTHENTICATE, QUOTA, CRAM-MD5 … are there too. */
  readonly extended?: boolean
  /** ENABLE knows CONDSTORE, and STORE then tells mod-sequences. */
  readonly modseq?: boolean
  /** LITERAL- instead of LITERAL+ (RFC 7888 §5). */
  readonly literalMinus?: boolean
  readonly rules?: readonly Rule[]
  readonly switches?: readonly string[]
}

export interface ImapReference {
  readonly port: number
  /** Whether the faults are in force; they are at first. */
  arm(armed: boolean): void
  close(): Promise<void>
}

export async function startImapReference(options: ImapOptions): Promise<ImapReference> {
  const accounts = new Map(Object.keys(options.users).map((name) => [name, new Account()]))
  const sockets = new Set<Socket>()
  let armed = true
  const side: ServerSide = {
    faults: new Set(options.switches ?? []),
    armed: () => armed,
    login: (user, password) => (options.users[user] === password ? (accounts.get(user) ?? null) : null),
    somebody: () => [...accounts.values()][0]!,
    privacyRequired: options.privacyRequired ?? false,
    offersTls: options.tls !== undefined,
    appendLimit: options.appendLimit ?? 0,
    limitByStatus: options.limitByStatus ?? false,
    extended: options.extended ?? false,
    modseq: options.modseq ?? false,
    bareLevels: options.bareLevels ?? false,
    keepsParents: options.keepsParents ?? false,
    literals: options.literalMinus ? 'LITERAL-' : 'LITERAL+',
  }
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    const connection = new Connection(socket, side, options, () => armed)
    connection.serve().catch(() => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    arm(value) {
      armed = value
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

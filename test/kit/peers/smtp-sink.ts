// Postfix's smtp-sink: takes any mail and throws it away, or fails on purpose.
import { type Daemon, listening, startDaemon } from '../daemon.ts'
import { freePort } from '../free-port.ts'
import { needPackages, peerEnvironment, peerPath } from '../peers.ts'

export interface SmtpSink extends Daemon {
  readonly port: number
}

export interface SmtpSinkOptions {
  readonly port?: number
  /** Speaks LMTP. */
  readonly lmtp?: boolean
  /** Answers 5xx to these commands (`RCPT`, `.` …). */
  readonly hardReject?: readonly string[]
  /** Answers 4xx to these commands. */
  readonly softReject?: readonly string[]
  /** Closes the connection at these commands. */
  readonly disconnect?: readonly string[]
  /** Any other options of smtp-sink(1). */
  readonly more?: readonly string[]
}

export async function startSmtpSink(options: SmtpSinkOptions = {}): Promise<SmtpSink> {
  await needPackages(['postfix'])
  const port = options.port ?? (await freePort())
  const list = (flag: string, commands: readonly string[] | undefined) =>
    commands === undefined ? [] : [flag, commands.join(',')]
  const daemon = startDaemon(
    peerPath('postfix', 'usr/sbin/smtp-sink'),
    [
      ...(process.getuid?.() === 0 ? ['-u', 'nobody'] : []),
      ...(options.lmtp ? ['-L'] : []),
      ...list('-f', options.hardReject),
      ...list('-r', options.softReject),
      ...list('-q', options.disconnect),
      ...(options.more ?? []),
      `127.0.0.1:${port}`,
      '1000',
    ],
    { env: peerEnvironment('postfix') },
  )
  await listening(daemon, { port })
  return { ...daemon, port }
}

// The peers that are measured beside us: Postfix and Dovecot of Debian, Haraka and smtp-server of npm, each as fast as its own settings allow.
import { readdirSync } from 'node:fs'
import type { Daemon } from '../kit/daemon.ts'
import type { Dovecot } from '../kit/peers/dovecot.ts'
import { type DovecotOptions, startDovecot } from '../kit/peers/dovecot.ts'
import { startHaraka } from '../kit/peers/haraka.ts'
import type { Postfix } from '../kit/peers/postfix.ts'
import { type PostfixOptions, startPostfix } from '../kit/peers/postfix.ts'
import { startSmtpServer } from '../kit/peers/smtp-server.ts'
import { MAIL_UID, type Measured, PASSWORD, USERS } from './server.ts'

export async function startMeasuredPostfix(options: PostfixOptions): Promise<Measured & { readonly postfix: Postfix }> {
  const started = performance.now()
  const postfix = await startPostfix({
    ...options,
    // without the input throttle, which slows it from 50 sessions on
    main: { in_flow_delay: 0, ...options.main },
  })
  return {
    postfix,
    daemon: postfix,
    pids: [postfix.pid],
    startMs: performance.now() - started,
    queued: async () => postfix.queues.reduce((sum, folder) => sum + countFiles(folder), 0),
    stop: () => postfix.stop(),
  }
}

/** Postfix spreads its deferred queue over folders. */
function countFiles(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).length
}

export async function startMeasuredDovecot(
  options: Partial<DovecotOptions> = {},
): Promise<Measured & { readonly dovecot: Dovecot }> {
  const started = performance.now()
  const dovecot = await startDovecot({
    users: USERS.map((name) => ({ name, password: PASSWORD })),
    uid: MAIL_UID,
    gid: MAIL_UID,
    ...options,
    // room for the idle sessions, and login processes that serve many clients: its fast setting
    extra: `
default_client_limit = 6000
default_process_limit = 4000
service auth {
  client_limit = 20000
}
service anvil {
  client_limit = 20000
}
service imap-login {
  service_count = 0
  process_min_avail = 1
}
service pop3-login {
  service_count = 0
  process_min_avail = 1
}
service imap {
  process_limit = 4000
}
${options.extra ?? ''}`,
  })
  return {
    dovecot,
    daemon: dovecot,
    pids: [dovecot.pid],
    startMs: performance.now() - started,
    queued: async () => 0,
    stop: () => dovecot.stop(),
  }
}

/** Drops what it accepts, without a queue on disk: as fast as Node and plugins are without durability. */
export const startMeasuredHaraka = (domain: string): Promise<MeasuredReceiver> =>
  measuredReceiver(() => startHaraka({ domain }))

/** A synced file a message, and nothing else. */
export const startMeasuredSmtpServer = (): Promise<MeasuredReceiver> => measuredReceiver(startSmtpServer)

/** What only takes mail: nothing is left behind the reply. */
export type MeasuredReceiver = Measured & { readonly port: number }

async function measuredReceiver(start: () => Promise<Daemon & { readonly port: number }>): Promise<MeasuredReceiver> {
  const started = performance.now()
  const daemon = await start()
  return {
    port: daemon.port,
    daemon,
    pids: [daemon.pid],
    startMs: performance.now() - started,
    queued: async () => 0,
    stop: () => daemon.stop(),
  }
}

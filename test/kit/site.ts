// A site with plain defaults: for tests that need no configuration file.
import type { Site } from '../../core/config/site.ts'

/** Domains example.com and localhost; users in `<data>/users.yaml`. */
export const testSite = (data: string, changes: Partial<Site> = {}): Site => ({
  user: 'estafeta',
  hostname: 'mail.example.com',
  origin: 'example.com',
  domains: ['example.com', 'localhost'],
  networks: ['127.0.0.0/8', '::1/128'],
  postmaster: 'ana',
  data,
  protocols: 'all',
  listen: [],
  tls: null,
  relay: null,
  recipientDelimiter: '+',
  limits: {
    messageSize: 50 * 2 ** 20,
    mailboxSize: 0,
    recipients: 1000,
    connections: 1000,
    connectionsPerClient: 100,
    connectionsPerMinute: 600,
    bodyMemory: 32 * 2 ** 20,
  },
  store: { format: 'maildir' },
  queue: { lifetime: 432e6, warnAfter: 144e5, minFree: 0, firstRetry: 3e5, maxRetry: 4e6 },
  users: { file: `${data}/users.yaml`, system: false },
  dns: { servers: [], trusted: false },
  log: { format: 'text', level: 'info', file: null },
  trace: { days: 7, maxSize: 2 ** 28 },
  bareLineFeed: 'reject',
  ...changes,
})

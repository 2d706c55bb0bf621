// What a listener's service name makes of a session: smtp, submission, submissions, lmtp or local.
import type { ListenerSettings } from '../config/site.ts'

export interface Role {
  readonly service: string
  readonly protocol: 'ESMTP' | 'LMTP'
  /** AUTH is offered, within TLS or on loopback. Listener option `auth`. */
  readonly auth: boolean
  /** Nobody sends without (RFC 6409 §4.3). */
  readonly authRequired: boolean
  /** An identity may send only as its own addresses. Listener option `anySender` lifts it. */
  readonly ownSender: boolean
  /** Recipients elsewhere may be admitted. */
  readonly relay: boolean
  /** STARTTLS is offered on plain connections. */
  readonly starttls: boolean
  /** A socket of this machine: its users are trusted without a password. */
  readonly local: boolean
  /** Addresses without a domain get the site's origin. */
  readonly completes: boolean
}

const smtp = {
  protocol: 'ESMTP',
  auth: true,
  authRequired: false,
  ownSender: true,
  relay: true,
  starttls: true,
  local: false,
  completes: false,
} as const

const ROLES: { readonly [service: string]: Omit<Role, 'service'> } = {
  smtp,
  submission: { ...smtp, authRequired: true, completes: true },
  submissions: { ...smtp, authRequired: true, completes: true, starttls: false },
  lmtp: { ...smtp, protocol: 'LMTP', auth: false, relay: false }, // RFC 2033 §5: LMTP does not relay
  local: { ...smtp, auth: false, starttls: false, local: true, completes: true },
}

/** Services that `createSmtpService` takes connections of. */
export const SMTP_SERVICES: readonly string[] = Object.keys(ROLES)

/** Throws for a service that is not spoken here. */
export function roleOf(listener: ListenerSettings): Role {
  const role = ROLES[listener.service]
  if (!role) throw new TypeError(`service '${listener.service}' is not SMTP`)
  const flag = (name: string, value: boolean): boolean => {
    const option = listener.options[name]
    return typeof option === 'boolean' ? option : value
  }
  return {
    ...role,
    service: listener.service,
    auth: flag('auth', role.auth),
    ownSender: !flag('anySender', !role.ownSender),
    starttls: role.starttls && listener.path === null,
  }
}

// What the unprivileged server may ask of its root parent, and what it gets: nothing else crosses between them.
import type { ListenerSettings } from '../config/site.ts'

/** An address of the configuration; the answer comes with the listening socket. */
export interface BindRequest {
  readonly ask: 'bind'
  readonly listener: Pick<ListenerSettings, 'host' | 'port' | 'path'>
}
/** Certificate or key as the configuration names them. */
export interface ReadKeyRequest {
  readonly ask: 'readKey'
  readonly path: string
}
export interface ReadForwardRequest {
  readonly ask: 'readForward'
  readonly user: string
}
/** The message follows in `chunk`s; each is answered before the next is sent. */
export interface DeliverRequest {
  readonly ask: 'deliver'
  readonly user: string
  readonly target: { readonly path: string; readonly format: 'mbox' | 'maildir'; readonly key: string }
}
export interface PipeRequest {
  readonly ask: 'pipe'
  readonly user: string
  readonly command: string
  readonly environment: { readonly [name: string]: string }
}
export type AsUserRequest = ReadForwardRequest | DeliverRequest | PipeRequest
export type BrokerRequest = BindRequest | ReadKeyRequest | AsUserRequest

/** Server to broker, and broker to user worker. `data` null ends the message. */
export type Down =
  | { readonly id: number; readonly request: BrokerRequest }
  | { readonly id: number; readonly chunk: Uint8Array | null }

/** `more`: the last chunk was taken. */
export type Up =
  | { readonly id: number; readonly more: true }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly kind: 'temporary' | 'permanent'; readonly detail: string } }

// Failures as values that can be posted between threads.
import { asFailure, Failure } from '../base/failure.ts'
import type { PostedFailure } from './engine.ts'
import { fileFailure } from './errors.ts'

/** What a file operation threw is temporary; what nobody expected stays a bug. */
export function storeFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown
  const error = thrown as NodeJS.ErrnoException | null
  return typeof error?.code === 'string' && error.syscall !== undefined
    ? fileFailure(error, 'mail store')
    : asFailure(thrown)
}

export function postFailure(thrown: unknown): PostedFailure {
  const { kind, detail, reply } = storeFailure(thrown)
  return { kind, detail, reply }
}

export const unpostFailure = ({ kind, detail, reply }: PostedFailure): Failure =>
  new Failure(kind, detail, reply ? { reply } : {})

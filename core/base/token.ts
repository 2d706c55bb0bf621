// A typed name for a service, resolved by the container at start-up.

export interface Token<T> {
  readonly symbol: symbol
  readonly description: string
  /** Never present at run time: carries the service's type. */
  readonly type?: T
}

export function token<T>(description: string): Token<T> {
  return { symbol: Symbol(description), description }
}

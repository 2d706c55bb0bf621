// A session's chart as the logic of its actor, worked out once for all sessions.
import {
  type ActorLogic,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventObject,
  initialTransition,
  transition,
} from 'xstate'

/**
 * For a chart without context and actions, whose transitions are the same for every session: XState works each out once,
 * and from then on it is looked up. `keyOf` tells apart what matters in an event beside the state; it has few values.
 */
export function chartLogic<S extends AnyMachineSnapshot, E extends EventObject>(
  machine: AnyStateMachine & ActorLogic<S, E>,
  keyOf: (event: E) => unknown,
): ActorLogic<S, E> {
  const initial = initialTransition(machine, undefined)[0] as S
  const states = new Map([[JSON.stringify(initial.value), initial]])
  const known = new Map<S, Map<unknown, S>>()
  return {
    getInitialSnapshot: () => initial,
    transition(snapshot, event) {
      const key = keyOf(event)
      const seen = known.get(snapshot)?.get(key)
      if (seen !== undefined) return seen
      const next = transition(machine, snapshot, event)[0] as S
      const state = states.get(JSON.stringify(next.value)) ?? next
      states.set(JSON.stringify(next.value), state)
      known.set(snapshot, (known.get(snapshot) ?? new Map()).set(key, state))
      return state
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}

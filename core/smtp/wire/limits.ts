// Every bound of an SMTP session with the section it comes from.

/** RFC 5321 §4.5.3.1.4 asks for 512 octets; parameters of the extensions offered add to it, and clients are sloppy. */
export const COMMAND_LINE_MAX = 2048
/** RFC 4954 §4: lines of an AUTH exchange. */
export const AUTH_LINE_MAX = 12_288
/** RFC 5321 §4.5.3.2.7: at least five minutes for the next command. */
export const COMMAND_TIMEOUT_MS = 300_000
/** RFC 5321 §4.5.3.2.5 gives a sender three minutes a block; a receiver waits as long as for a command. */
export const DATA_BLOCK_TIMEOUT_MS = 300_000
/** One message may trickle in for this long. */
export const DATA_TOTAL_TIMEOUT_MS = 60 * 60_000
/** Hooks and intake bound themselves; this catches one that does not. */
export const ANSWER_TIMEOUT_MS = 600_000
/** How long a peer may take to read the last reply and close. */
export const CLOSING_TIMEOUT_MS = 10_000
/** Replies that a client may leave unread before its commands wait. */
export const OUTPUT_MAX = 65_536
/** Refused commands (4xx, 5xx) before the session ends with 421; reset by an accepted message. */
export const ERRORS_MAX = 20
/** Commands that bring a message no nearer (NOOP, RSET, VRFY …) before each counts as an error. */
export const IDLE_COMMANDS_MAX = 100
/** Failed logins before the session ends. */
export const AUTH_FAILURES_MAX = 3
/** After a refusal within DATA this much more is read to hear the end; beyond it the session ends. */
export const DRAIN_MAX = 64 * 1024 * 1024
/** RFC 3461 §4.4: ENVID before xtext decoding. */
export const ENVID_MAX = 100
/** RFC 3461 §4.2: ORCPT as a whole. */
export const ORCPT_MAX = 500

/** Commands and pieces of content that one session takes in a turn of the event loop, while others wait. */
export const SLICE_INPUTS = 50

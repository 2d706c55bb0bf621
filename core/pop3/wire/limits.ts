// Every bound of a POP3 session with the section it comes from.

/** RFC 2449 §4 asks for 255 octets with CRLF; pass phrases and initial responses may be longer. */
export const COMMAND_LINE_MAX = 1024
/** Lines of an AUTH exchange (RFC 5034 §4 leaves it open; RFC 4954 §4 names this). */
export const AUTH_LINE_MAX = 12_288
/** RFC 1939 §3: an inactivity timer is at least ten minutes. */
export const IDLE_TIMEOUT_MS = 600_000
/** What the server itself waits for: a password check, a TLS handshake, a mailbox. */
export const ANSWER_TIMEOUT_MS = 600_000
/** How long a client may take to read the last response and close. */
export const CLOSING_TIMEOUT_MS = 10_000
/** Octets of responses that are gathered before they are written, and at which commands wait for the client to read. */
export const OUTPUT_GATHER = 65_536
/** Commands answered -ERR before the session ends. */
export const ERRORS_MAX = 30
/** Failed logins before the session ends. */
export const LOGIN_FAILURES_MAX = 3
/** Messages of one request to read ahead; the store bounds the octets. */
export const READ_AHEAD = 1000

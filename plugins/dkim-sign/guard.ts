// What dkim-signer signs right and quickly; everything else goes to mailauth's signer.

const MAX_SIZE = 256 * 1024
/** dkim-signer's expressions are quadratic in the length of a run of white space or of blank lines. */
const MAX_RUN = 1000
/** And in the number of lines that continue a field. */
const MAX_FOLDS = 1000
const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const TILDE = 126

/**
 * True if a message has plain ASCII octets, CRLF line ends alone, a body with something in it, no long runs of white space
 * or blank lines, few folds, and at most 256 KiB. `bodyStart` is where the empty line before the body stands.
 */
export function suitsDkimSigner(message: Buffer, bodyStart: number): boolean {
  if (message.length > MAX_SIZE) return false
  let run = 0
  let folds = 0
  let bodyHasText = false
  for (let i = 0; i < message.length; i++) {
    const octet = message[i]!
    if (octet > SPACE && octet <= TILDE) {
      run = 0
      if (i >= bodyStart) bodyHasText = true
      continue
    }
    if (octet === CR ? message[i + 1] !== LF : octet === LF ? message[i - 1] !== CR : octet !== TAB && octet !== SPACE)
      return false
    run += 1
    if (i < bodyStart && octet !== CR && octet !== LF && message[i - 1] === LF) folds += 1
    if (run > MAX_RUN || folds > MAX_FOLDS) return false
  }
  return bodyHasText
}

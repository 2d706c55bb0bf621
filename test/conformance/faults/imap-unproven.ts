// Cases of the IMAP suite that no fault here proves yet, each with the reason.
export const unprovenImap: { readonly [id: string]: string } = {
  'imap/compress/twice':
    'what passes through compression is not seen by the fault proxy, and the reference has no COMPRESS',
  'imap/unauthenticate/resets-enable': 'no server here has UNAUTHENTICATE together with CONDSTORE',
}

// Cases of the IMAP suite that no fault here proves yet, each with the reason.
export const unprovenImap: { readonly [id: string]: string } = {
  'imap/unauthenticate/resets-enable': 'no server here has UNAUTHENTICATE together with CONDSTORE',
}

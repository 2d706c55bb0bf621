// Passwords in one form, however a keyboard or system composes their letters: the OpaqueString profile (RFC 8265 §4.2).

/** Any space is a plain one, letters are composed (NFC). */
export const opaqueString = (password: string): string => password.replace(/\p{Zs}/gu, ' ').normalize('NFC')

// Faults of BODYSTRUCTURE, ENVELOPE and BINARY (RFC 9051 §6.4.5, §7.5.2).
import { type Faults, imapFault as fault, hear, octets, reply, say, tagged } from '../fault.ts'

const S = '9051 §7.5.2'

const bodyStructureFaults: Faults = {
  'bs-no-lines': fault('text parts have no lines', S, 'bs-no-lines', 'bodystructure/text'),
  'bs-default-without-charset': fault(
    'a message without Content-Type has no parameters',
    S,
    'bs-default-without-charset',
    'bodystructure/default-type',
  ),
  'bs-encoding-nil': fault(
    'an encoding that is not given is NIL',
    S,
    'bs-encoding-nil',
    'bodystructure/default-encoding',
  ),
  'bs-encoding-7bit': fault('the encoding is always 7bit', S, 'bs-encoding-7bit', 'bodystructure/encoding'),
  'bs-octets-with-line-end': fault(
    'the size of a part counts the line end before the boundary',
    S,
    'bs-octets-with-line-end',
    'bodystructure/octets',
  ),
  'bs-octets-decoded': fault(
    'the size of a part is that of its decoded form',
    S,
    'bs-octets-decoded',
    'bodystructure/octets-encoded',
  ),
  'bs-lines-decoded': fault('lines are counted in the decoded form', S, 'bs-lines-decoded', 'bodystructure/lines'),
  'bs-params-swapped': fault('values stand before attributes', S, 'bs-params-swapped', 'bodystructure/parameters'),
  'bs-params-empty': fault(
    'absent parameters are an empty list',
    S,
    'bs-params-empty',
    'bodystructure/parameters-none bodystructure/disposition-without-parameters',
  ),
  'bs-id-behind-description': fault(
    'the description stands before the id',
    S,
    'bs-id-behind-description',
    'bodystructure/id-and-description',
  ),
  'bs-absent-empty': fault(
    'an absent id or description is an empty string',
    S,
    'bs-absent-empty',
    'bodystructure/id-and-description-absent',
  ),
  'bs-lines-everywhere': fault(
    'every part has lines',
    S,
    'bs-lines-everywhere',
    'bodystructure/other-has-no-lines bodystructure/md5',
  ),
  'bs-parts-listed': fault(
    'the parts stand in a list of their own',
    '9051 §9 body-type-mpart',
    'bs-parts-listed',
    'bodystructure/multipart',
  ),
  'bs-flat': fault(
    'parts of a multipart within are given as if they were of the outer one',
    S,
    'bs-flat',
    'bodystructure/multipart-nested',
  ),
  'bs-multipart-without-params': fault(
    'the parameters of a multipart are left out',
    S,
    'bs-multipart-without-params',
    'bodystructure/multipart-parameters',
  ),
  'body-extended': fault(
    'BODY has extension data',
    S,
    'body-extended',
    'bodystructure/body-multipart bodystructure/body-part',
  ),
  'bs-message-basic': fault(
    'a message/rfc822 part is given as any other',
    S,
    'bs-message-basic',
    'bodystructure/message',
  ),
  'bs-message-envelope-outer': fault(
    'the envelope in a message part is made of the fields around it',
    S,
    'bs-message-envelope-outer',
    'bodystructure/message-envelope',
  ),
  'bs-message-body-plain': fault(
    'the structure in a message part is that of plain text',
    S,
    'bs-message-body-plain',
    'bodystructure/message-body',
  ),
  'bs-message-lines-of-body': fault(
    'the lines of a message part are those of the body of the message',
    S,
    'bs-message-lines-of-body',
    'bodystructure/message-lines',
  ),
  'bs-message-octets-of-body': fault(
    'the size of a message part is that of the body of the message',
    S,
    'bs-message-octets-of-body',
    'bodystructure/message-octets',
  ),
  'bs-md5-nil': fault('Content-MD5 is never given', S, 'bs-md5-nil', 'bodystructure/md5'),
  'bs-disposition-bare': fault(
    'the disposition is a string',
    '9051 §9 body-fld-dsp',
    'bs-disposition-bare',
    'bodystructure/disposition bodystructure/disposition-without-parameters',
  ),
  'bs-disposition-short': fault(
    'a disposition without parameters has one member',
    '9051 §9 body-fld-dsp',
    'bs-disposition-short',
    'bodystructure/disposition-without-parameters',
  ),
  'bs-disposition-empty': fault(
    'an absent disposition is a list',
    '9051 §9 body-fld-dsp',
    'bs-disposition-empty',
    'bodystructure/disposition-absent',
  ),
  'bs-language-nil': fault('Content-Language is never given', S, 'bs-language-nil', 'bodystructure/language'),
  'bs-location-nil': fault('Content-Location is never given', S, 'bs-location-nil', 'bodystructure/location'),
  'bs-more-fields': fault('a field follows the location', S, 'bs-more-fields', 'bodystructure/no-more-fields'),
  'bs-disposition-first': fault(
    'the disposition of a multipart stands before its parameters',
    S,
    'bs-disposition-first',
    'bodystructure/multipart-disposition',
  ),
  'bs-params-continued': fault(
    'continued parameters are given as they stand',
    S,
    'bs-params-continued',
    'bodystructure/parameter-continuations',
  ),
  'bs-digest-text': fault(
    'a part of a digest is text/plain by default',
    '2046 §5.1.5',
    'bs-digest-text',
    'bodystructure/digest',
  ),
  'bs-params-raw': fault('a quoted value keeps its quotes', S, 'bs-params-raw', 'bodystructure/parameter-quoted'),
  'bs-empty-lines': fault('an empty body has one line', S, 'bs-empty-lines', 'bodystructure/empty'),
}

const envelopeFaults: Faults = {
  'env-without-bcc': fault('there is no member for Bcc', S, 'env-without-bcc', 'envelope/ten-members'),
  'env-single-bare': fault(
    'a single address stands in no list',
    '9051 §9 env-to',
    'env-single-bare',
    'envelope/member-kinds',
  ),
  'env-date-normal': fault('the date is written anew, in universal time', S, 'env-date-normal', 'envelope/date'),
  'env-subject-word': fault('the subject ends at its first space', S, 'env-subject-word', 'envelope/subject'),
  'env-subject-decoded': fault(
    'encoded words of the subject are half decoded',
    S,
    'env-subject-decoded',
    'envelope/subject-encoded',
  ),
  'env-subject-folded': fault(
    'a folded subject keeps its line ends',
    S,
    'env-subject-folded',
    'envelope/subject-folded',
  ),
  'env-absent-empty': fault(
    'what is absent is an empty string',
    S,
    'env-absent-empty',
    'envelope/subject-absent envelope/in-reply-to-absent envelope/message-id-absent',
  ),
  'env-ids-bare': fault(
    'ids are given without angle brackets',
    S,
    'env-ids-bare',
    'envelope/in-reply-to envelope/message-id',
  ),
  'env-address-whole': fault('the third member of an address is all of it', S, 'env-address-whole', 'envelope/from'),
  'env-name-empty': fault('an absent display name is an empty string', S, 'env-name-empty', 'envelope/without-name'),
  'env-addresses-reversed': fault('addresses stand in reversed order', S, 'env-addresses-reversed', 'envelope/several'),
  'env-names-quoted': fault('a display name keeps its quotes', S, 'env-names-quoted', 'envelope/several'),
  'env-bcc-nil': fault('Bcc is not given', S, 'env-bcc-nil', 'envelope/bcc'),
  'env-always-from': fault(
    'sender and reply-to are always from',
    S,
    'env-always-from',
    'envelope/sender envelope/reply-to',
  ),
  'env-no-default': fault(
    'sender and reply-to are NIL when their fields are absent',
    S,
    'env-no-default',
    'envelope/sender-default envelope/reply-to-default',
  ),
  'env-no-default-when-empty': fault(
    'sender and reply-to are NIL when their fields are empty',
    S,
    'env-no-default-when-empty',
    'envelope/sender-empty envelope/reply-to-empty',
  ),
  'env-absent-list': fault(
    'absent addresses are an empty list',
    '9051 §9 env-to',
    'env-absent-list',
    'envelope/to-absent envelope/cc-absent envelope/bcc-absent',
  ),
  'env-empty-list': fault(
    'a field without an address is an empty list',
    '9051 §9 env-to',
    'env-empty-list',
    'envelope/to-empty',
  ),
  'env-groups-flat': fault('the beginning and end of a group are not given', S, 'env-groups-flat', 'envelope/group'),
  'env-empty-group-gone': fault('an empty group is left out', S, 'env-empty-group-gone', 'envelope/group-empty'),
  'env-date-invented': fault('an absent date is the present time', S, 'env-date-invented', 'envelope/without-date'),
  'env-unescaped': fault(
    'quotes and backslashes of a subject are lost',
    S,
    'env-unescaped',
    'envelope/quotes-and-backslashes',
  ),
  'env-first-only': fault('only the first address of a field is given', S, 'env-first-only', 'envelope/from-several'),
  'env-default-first': fault(
    'an absent reply-to is the first address of from',
    S,
    'env-default-first',
    'envelope/from-several',
  ),
  'env-route-gone': fault('a source route is left out', S, 'env-route-gone', 'envelope/route'),
}

const asBody = [hear(/BINARY(\.PEEK)?\[/gi, 'BODY$1['), say(/BODY\[/g, 'BINARY[', /BINARY/i)]

const binaryFaults: Faults = {
  'binary-is-body': fault(
    'BINARY gives the encoded octets',
    '9051 §6.4.5',
    asBody,
    'binary/base64 binary/quoted-printable binary/part-1 binary/soft-line-breaks binary/partial',
  ),
  'binary-with-line-end': fault(
    'BINARY adds a line end',
    '9051 §6.4.5',
    octets(/BINARY\[[\d.]+\]/, (text) => `${text}\r\n`),
    'binary/identity',
  ),
  'binary-size-encoded': fault('BINARY.SIZE is the encoded size', S, 'binary-size-encoded', 'binary/size'),
  'binary-without-origin': fault(
    'a partial of BINARY has no origin',
    '9051 §6.4.5',
    say(/(BINARY\[[^\]]*\])<\d+>/, '$1'),
    'binary/partial',
  ),
  'binary-beyond-nil': fault(
    'a partial of BINARY beyond the end is NIL',
    '9051 §6.4.5',
    say(/(BINARY\[[^\]]*\]<\d+>) ""/, '$1 NIL'),
    'binary/partial-beyond',
  ),
  'binary-nul-in-literal': fault(
    'NUL comes in a plain literal',
    '9051 §9 literal8',
    say(/~\{/, '{'),
    'binary/nul-in-literal8',
  ),
  'binary-always-literal8': fault(
    'all BINARY data is literal8',
    S,
    say(/(BINARY\[[^\]]*\]\S*) \{/, '$1 ~{'),
    'binary/string-without-nul',
  ),
  'binary-never-marks': fault(
    'BINARY sets no \\Seen',
    '9051 §6.4.5',
    hear(/BINARY\[/i, 'BINARY.PEEK['),
    'binary/sets-seen',
  ),
  'binary-peek-marks': fault(
    'BINARY.PEEK sets \\Seen',
    '9051 §6.4.5',
    hear(/BINARY\.PEEK\[/i, 'BINARY['),
    'binary/peek',
  ),
  'binary-size-marks': fault('BINARY.SIZE sets \\Seen', '9051 §6.4.5', 'binary-size-marks', 'binary/size-keeps-unseen'),
  'binary-unknown-raw': fault(
    'BINARY of an unknown encoding gives the encoded octets',
    S,
    'unknown-cte-raw',
    'binary/unknown-encoding binary/unknown-encoding-size',
  ),
  'binary-unknown-no-code': fault(
    'NO to an unknown encoding has no code',
    S,
    say(/ NO \[UNKNOWN-CTE\]/, ' NO'),
    'binary/unknown-encoding binary/unknown-encoding-size',
  ),
  'binary-bad-is-ok': fault(
    'BINARY with a text specifier is answered by OK',
    '9051 §9 section-binary',
    tagged(/BINARY/i, (line) => line.replace(/^(\S+) BAD/, '$1 OK')),
    'binary/no-text-specifier',
  ),
  'binary-not-by-uid': fault(
    'UID FETCH knows no BINARY',
    '9051 §6.4.9',
    reply(/^UID FETCH .*BINARY/i, '% BAD no such item'),
    'binary/uid-fetch',
  ),
}

export const structureFaults: Faults = { ...bodyStructureFaults, ...envelopeFaults, ...binaryFaults }

/**
 * A client broke a rule of the protocol: the reply code of AMQP 0-9-1 (section 1.2 of the generated reference), which
 * also decides how far the damage goes, and the text the client is told.
 */
export const ReplyCode = {
  contentTooLarge: 311,
  noRoute: 312,
  noConsumers: 313,
  connectionForced: 320,
  invalidPath: 402,
  accessRefused: 403,
  notFound: 404,
  resourceLocked: 405,
  preconditionFailed: 406,
  frameError: 501,
  syntaxError: 502,
  commandInvalid: 503,
  channelError: 504,
  unexpectedFrame: 505,
  resourceError: 506,
  notAllowed: 530,
  notImplemented: 540,
  internalError: 541,
} as const;
export type ReplyCode = (typeof ReplyCode)[keyof typeof ReplyCode];

/** The prefix RabbitMQ puts before its reply texts; clients match on it. */
const TITLES: Readonly<Record<ReplyCode, string>> = {
  311: 'CONTENT_TOO_LARGE',
  312: 'NO_ROUTE',
  313: 'NO_CONSUMERS',
  320: 'CONNECTION_FORCED',
  402: 'INVALID_PATH',
  403: 'ACCESS_REFUSED',
  404: 'NOT_FOUND',
  405: 'RESOURCE_LOCKED',
  406: 'PRECONDITION_FAILED',
  501: 'FRAME_ERROR',
  502: 'SYNTAX_ERROR',
  503: 'COMMAND_INVALID',
  504: 'CHANNEL_ERROR',
  505: 'UNEXPECTED_FRAME',
  506: 'RESOURCE_ERROR',
  530: 'NOT_ALLOWED',
  540: 'NOT_IMPLEMENTED',
  541: 'INTERNAL_ERROR',
};

/** "Soft" errors close the channel only; all others close the connection. */
const SOFT: ReadonlySet<ReplyCode> = new Set<ReplyCode>([311, 313, 403, 404, 405, 406]);

export class ProtocolError extends Error {
  readonly replyCode: ReplyCode;

  constructor(replyCode: ReplyCode, reason: string) {
    super(`${TITLES[replyCode]} - ${reason}`);
    this.name = 'ProtocolError';
    this.replyCode = replyCode;
  }

  get closesConnection(): boolean {
    return !SOFT.has(this.replyCode);
  }
}

/** Reply texts are short strings: at most 255 bytes on the wire. */
export function replyText(message: string): string {
  const bytes = Buffer.from(message);
  return bytes.length <= 255 ? message : `${bytes.toString('utf8', 0, 252).replace(/\uFFFD+$/, '')}...`;
}

/** The decisions of the opening handshake (section 2.2.4): who may log in, and which limits hold. */
import { ProtocolError, ReplyCode } from './protocol-error.js';
import { passwordMatches, readCredentials } from './sasl.js';
import type { FieldTable } from './wire/field-table.js';
import { FRAME_MIN_SIZE } from './wire/frames.js';
import type { MethodArgs } from './wire/methods.js';

/** Largest frame offered, RabbitMQ's default, in octets. */
export const FRAME_MAX = 131_072;
export const CHANNEL_MAX = 2047;

/** What a client says it understands. */
export interface Capabilities {
  readonly consumerCancelNotify: boolean;
  readonly connectionBlocked: boolean;
  readonly authenticationFailureClose: boolean;
}

export function readCapabilities(clientProperties: FieldTable): Capabilities {
  const capabilities = clientProperties.get('capabilities');
  const has = (name: string): boolean => {
    const field = capabilities?.type === 'F' ? capabilities.value.get(name) : undefined;
    return field?.type === 't' && field.value;
  };
  return {
    consumerCancelNotify: has('consumer_cancel_notify'),
    connectionBlocked: has('connection.blocked'),
    authenticationFailureClose: has('authentication_failure_close'),
  };
}

/** Returns the user, or throws {@link ProtocolError} 403. */
export function authenticate(
  { mechanism, response }: MethodArgs<'connection.start-ok'>,
  users: ReadonlyMap<string, string>,
  remoteAddress: string | undefined,
): string {
  const refused = `Login was refused using authentication mechanism ${mechanism}`;
  const credentials = readCredentials(mechanism, response);
  const password = credentials === undefined ? undefined : users.get(credentials.user);
  if (credentials === undefined || password === undefined || !passwordMatches(credentials.password, password)) {
    throw new ProtocolError(ReplyCode.accessRefused, refused);
  }
  // As RabbitMQ: the account whose password everyone knows is for this machine only.
  if (credentials.user === 'guest' && !isLoopback(remoteAddress)) {
    throw new ProtocolError(ReplyCode.accessRefused, `${refused}: user 'guest' can only connect via localhost`);
  }
  return credentials.user;
}

export interface Limits {
  readonly frameMax: number;
  readonly channelMax: number;
}

/** The limits a client chose within those offered; 0 accepts the offer. Throws {@link ProtocolError} 530. */
export function negotiate({ channelMax, frameMax }: MethodArgs<'connection.tune-ok'>): Limits {
  const refuse = (limit: string): never => {
    throw new ProtocolError(ReplyCode.notAllowed, `negotiated ${limit}`);
  };
  if (frameMax !== 0 && frameMax < FRAME_MIN_SIZE) refuse(`frame_max = ${frameMax} is below ${FRAME_MIN_SIZE}`);
  if (frameMax > FRAME_MAX) refuse(`frame_max = ${frameMax} is above the offered ${FRAME_MAX}`);
  if (channelMax > CHANNEL_MAX) refuse(`channel_max = ${channelMax} is above the offered ${CHANNEL_MAX}`);
  return { frameMax: frameMax === 0 ? FRAME_MAX : frameMax, channelMax: channelMax === 0 ? CHANNEL_MAX : channelMax };
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (/^(::ffff:)?127\./.test(address) || address === '::1');
}

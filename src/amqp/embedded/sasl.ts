/** The two authentication mechanisms with a password: PLAIN (RFC 4616) and RabbitMQ's AMQPLAIN. */
import { timingSafeEqual } from 'node:crypto';
import { asText, readTable } from './wire/field-table.js';
import { OctetReader } from './wire/octets.js';

export const MECHANISMS = ['PLAIN', 'AMQPLAIN'] as const;
export type Mechanism = (typeof MECHANISMS)[number];

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** `undefined` when the response is not what the mechanism calls for. */
export function readCredentials(mechanism: string, response: Buffer): Credentials | undefined {
  switch (mechanism) {
    case 'PLAIN': {
      // authorization identity NUL authentication identity NUL password
      const [, user, password, ...rest] = response.toString('utf8').split('\0');
      return user === undefined || password === undefined || rest.length > 0 ? undefined : { user, password };
    }
    case 'AMQPLAIN': {
      // A field table without its length.
      const length = Buffer.alloc(4);
      length.writeUInt32BE(response.length);
      const table = readTable(new OctetReader(Buffer.concat([length, response])));
      const user = asText(table.get('LOGIN'));
      const password = asText(table.get('PASSWORD'));
      return user === undefined || password === undefined ? undefined : { user, password };
    }
    default:
      return undefined;
  }
}

/** Compares without telling by its duration how much of the password was right. */
export function passwordMatches(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BrokerAddress, describeAddress, InvalidBrokerUrlError, parseBrokerUrl } from '#tb/amqp/index.js';

const full: BrokerAddress = {
  protocol: 'amqp',
  hostname: 'broker.example',
  port: 5673,
  username: 'robot',
  password: 's3cret',
  vhost: 'lab',
};

describe('a broker URL', () => {
  it.each<[string, Partial<BrokerAddress>]>([
    ['amqp://robot:s3cret@broker.example:5673/lab', full],
    ['amqp://localhost', { hostname: 'localhost', port: 5672, username: 'guest', password: 'guest', vhost: '/' }],
    ['amqp://localhost/', { vhost: '/' }],
    ['amqp://localhost/%2f', { vhost: '/' }],
    ['amqp://localhost/a%2Fb', { vhost: 'a/b' }],
    ['amqps://localhost', { protocol: 'amqps', port: 5671 }],
    ['amqp://us%40er:p%3A%2F%23@[::1]:1', { username: 'us@er', password: 'p:/#', hostname: '::1', port: 1 }],
    ['amqp://robot@localhost', { username: 'robot', password: '' }],
  ])('%s', (url, expected) => {
    expect(parseBrokerUrl(url)).toMatchObject(expected);
  });

  it.each([
    ['http://localhost', /unknown protocol 'http'/],
    ['localhost:5672', /does not begin with amqp:\/\//],
    ['amqp://robot:s3cret@', /\*\*\*/],
    ['amqp://robot:s3cret@host:99999', /cannot be parsed/],
    ['amqp://robot:s3cret@host/a/b', /virtual host contains \//],
    ['amqp://robot:s3cret@host/?heartbeat=5', /after \? or #/],
    ['amqp://robot:s3cret%@host', /a % that begins no escape/],
    ['amqp://robot:s3cret#more@host', /no broker URL/],
  ])('%s is refused', (url, message) => {
    let error: unknown;
    try {
      parseBrokerUrl(url);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidBrokerUrlError);
    expect(error).toMatchObject({ message: expect.stringMatching(message), exitCode: 3 });
    expect(String(error) + JSON.stringify(error)).not.toContain('s3cret');
  });

  it('with any user, password and vhost comes back from its encoded form', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text !== '.' && text !== '..');
    fc.assert(
      fc.property(part, part, part, (username, password, vhost) => {
        const [u, p, v] = [username, password, vhost].map(encodeURIComponent);
        expect(parseBrokerUrl(`amqp://${u}:${p}@broker.example:5673/${v}`)).toEqual({
          ...full,
          username,
          password,
          vhost,
        });
      }),
    );
  });

  it('is described without its password', () => {
    expect(describeAddress(full)).toBe('amqp://robot@broker.example:5673/lab');
    expect(describeAddress({ ...full, hostname: '::1', vhost: '/' })).toBe('amqp://robot@[::1]:5673/');
  });
});

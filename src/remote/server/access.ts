/**
 * Who may use a server of FMUs. An FMU is native code: whoever may send one may do all that the server's user may. So it is
 * for this machine only, unless it is said who else may come: by address, by a token, or both.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import { ExitCode, TwinbridgeError } from '../../support/errors.js';
import { isThisMachine } from '../source.js';

export interface AccessRules {
  /** Addresses and networks, as `10.0.0.0/8` or `::1`; empty: each. */
  readonly allow?: readonly string[];
  readonly token?: string;
}

/** The options of access do not fit; exit code 2. */
export class AccessError extends TwinbridgeError {
  override readonly code = 'TB_REMOTE_ACCESS';
  override readonly exitCode: ExitCode = ExitCode.usage;
}

export class Access {
  readonly #networks: BlockList | undefined;
  readonly #token: Buffer | undefined;

  /** Of a server that listens at `host`. Throws {@link AccessError}. */
  constructor(host: string, { allow = [], token }: AccessRules) {
    this.#networks = allow.length === 0 ? undefined : networksOf(allow);
    this.#token = token === undefined ? undefined : digest(token);
    if (token === '') throw new AccessError('the token is empty', { remedy: 'give one, or none at all' });
    if (isThisMachine(host) || allow.length > 0 || token !== undefined) return;
    throw new AccessError(`at ${host} others reach this server, and an FMU that they send is native code`, {
      details: { host },
      remedy: 'say who may: --allow with their addresses, or a token by TWINBRIDGE_PROXY_TOKEN or --token-file',
    });
  }

  get wantsToken(): boolean {
    return this.#token !== undefined;
  }

  allows(address: string): boolean {
    return this.#networks?.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') ?? true;
  }

  isToken(text: string): boolean {
    // Digests have one length, and comparing them takes one time.
    return this.#token === undefined || timingSafeEqual(this.#token, digest(text));
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function networksOf(texts: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const text of texts) {
    const [address = '', bits, rest] = text.split('/');
    const version = isIP(address);
    const most = version === 6 ? 128 : 32;
    const prefix = bits === undefined ? most : Number(bits);
    if (version === 0 || rest !== undefined || !/^\d+$/.test(bits ?? '0') || prefix > most) {
      throw new AccessError(`'${text}' is no address and no network`, {
        remedy: 'expected are numbers: 192.168.1.7, 10.0.0.0/8, fd00::/8',
      });
    }
    networks.addSubnet(address, prefix, version === 6 ? 'ipv6' : 'ipv4');
  }
  return networks;
}

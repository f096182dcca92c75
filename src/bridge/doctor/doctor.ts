/**
 * `twinbridge doctor`: from the name of the broker's host to the first message and what a bridge makes of it, step by
 * step. Leaves nothing behind on the broker and takes nobody's messages.
 */
import type { ChannelModel } from 'amqplib';
import {
  type Access,
  BrokerError,
  CheckedConnection,
  Consumer,
  type Delivery,
  describeAddress,
  type Greeting,
  missingRight,
  openOnce,
  type QueueSpec,
  type Refusal,
  type Resource,
  type Right,
  refusalOf,
  resolveHost,
  textOf,
} from '../../amqp/index.js';
import { ExitCode } from '../../support/errors.js';
import type { DeclareMode, ExchangeType } from '../config.js';
import { CheckFailedError, Checkup, type CheckupStep, type Finding, type StepName } from './checkup.js';
import type { Explanation } from './explain.js';

export interface CheckedExchange {
  readonly name: string;
  /** Absent: any. */
  readonly type?: ExchangeType;
  readonly durable: boolean;
  readonly declare: DeclareMode;
}

/** Where messages are to come from. */
export interface CheckedSource {
  readonly name: string;
  readonly exchange: CheckedExchange;
  readonly key: string;
  readonly queue: QueueSpec;
  /** What a bridge makes of a message. */
  readonly explain?: (delivery: Delivery) => Explanation;
  /** How old a message may be, ms. */
  readonly maxageMs?: number;
}

export interface CheckupPlan {
  readonly access: Access;
  readonly sources: readonly CheckedSource[];
  readonly sendTo?: CheckedExchange;
  /** For each step of connecting, ms. */
  readonly connectTimeoutMs: number;
  /** For the first message, ms. */
  readonly messageTimeoutMs: number;
  readonly onStep?: (step: CheckupStep) => void;
}

export interface CheckupReport {
  readonly broker: string;
  readonly ok: boolean;
  readonly exitCode: ExitCode;
  readonly steps: readonly CheckupStep[];
}

const CONNECTING: readonly StepName[] = ['dns', 'tcp', 'tls', 'greeting', 'login', 'vhost'];
const WORKING: readonly StepName[] = ['configure', 'write', 'read', 'exchange', 'queue', 'message', 'decode'];

export async function checkBroker(plan: CheckupPlan): Promise<CheckupReport> {
  const checkup = new Checkup(plan.onStep ?? (() => {}));
  if (await connectStepwise(plan, checkup)) {
    const model = await openOnce(plan.access, 'twinbridge doctor', plan.connectTimeoutMs);
    try {
      await new Examination(plan, checkup, model).run();
    } finally {
      await model.close().catch(() => {});
    }
  } else {
    checkup.skip(WORKING, 'there is no connection');
  }
  const { steps } = checkup;
  const failed = steps.find(({ state }) => state === 'failed');
  const unreachable = failed !== undefined && CONNECTING.includes(failed.name);
  return {
    broker: describeAddress(plan.access.address),
    ok: failed === undefined,
    exitCode: failed === undefined ? ExitCode.ok : unreachable ? ExitCode.brokerUnreachable : ExitCode.runFailed,
    steps,
  };
}

async function connectStepwise({ access, connectTimeoutMs }: CheckupPlan, checkup: Checkup): Promise<boolean> {
  const { address } = access;
  const connection = new CheckedConnection(access, connectTimeoutMs);
  let greeting: Greeting | undefined;
  const steps: Readonly<Record<string, () => Promise<Finding>>> = {
    dns: async () => {
      const found = await resolveHost(access);
      return {
        message:
          found[0] === address.hostname ? `${found[0]} is an address` : `${address.hostname} is ${found.join(', ')}`,
      };
    },
    tcp: async () => {
      const { host, port } = await connection.connect();
      return { message: `connected to ${host} port ${port}` };
    },
    tls: async () => {
      if (address.protocol === 'amqp')
        return { state: 'skipped', message: 'amqp:// is without TLS: nothing is encrypted' };
      return judgeTls(await connection.secure());
    },
    greeting: async () => {
      greeting = await connection.greet();
      const { product, version, mechanisms } = greeting;
      return { message: `${product} ${version}`.trim().concat(`, log in by ${mechanisms.join(', ')}`) };
    },
    login: async () => {
      const { frameMax, heartbeat } = await connection.logIn(greeting as Greeting);
      const who = access.auth === 'external' ? 'the user of the client certificate' : `user '${address.username}'`;
      return { message: `${who} is logged in (frames of ${frameMax} bytes, heartbeat ${heartbeat} s)` };
    },
    vhost: async () => {
      await connection.openVhost();
      return { message: `in virtual host '${address.vhost}'` };
    },
  };
  try {
    for (const [at, name] of CONNECTING.entries()) {
      if (await checkup.take(name, steps[name]!)) continue;
      checkup.skip(CONNECTING.slice(at + 1), 'a step before it failed');
      return false;
    }
    return true;
  } finally {
    await connection.close();
  }
}

const DAY_MS = 86_400_000;

function judgeTls(facts: Awaited<ReturnType<CheckedConnection['secure']>>): Finding {
  const { protocol, subject, issuer, validTo, untrusted } = facts;
  const message = `${protocol}, certificate of ${subject} by ${issuer}, valid until ${validTo.toISOString().slice(0, 10)}`;
  if (untrusted !== undefined) {
    return {
      state: 'warning',
      message: `${message}; it is not verified, and would not be trusted (${untrusted})`,
      remedy: 'leave tls.verify out, and give the CA of the broker (tls.ca)',
    };
  }
  if (validTo.getTime() - Date.now() < 14 * DAY_MS) {
    return { state: 'warning', message, remedy: 'the certificate ends soon: renew it' };
  }
  return { message };
}

/** What a user can do once connected, and what comes. */
class Examination {
  readonly #plan: CheckupPlan;
  readonly #checkup: Checkup;
  readonly #model: ChannelModel;
  /** Exchanges that are not there. */
  readonly #absent = new Set<string>();

  constructor(plan: CheckupPlan, checkup: Checkup, model: ChannelModel) {
    this.#plan = plan;
    this.#checkup = checkup;
    this.#model = model;
  }

  async run(): Promise<void> {
    const { sources, sendTo } = this.#plan;
    for (const right of ['configure', 'write', 'read'] as const) {
      await this.#checkup.take(right, () => this.#checkRight(right));
    }
    const exchanges = new Map(sources.map(({ exchange }) => [exchange.name, exchange]));
    if (sendTo !== undefined && !exchanges.has(sendTo.name)) exchanges.set(sendTo.name, sendTo);
    if (exchanges.size === 0) {
      this.#checkup.skip(
        ['exchange', 'queue', 'message', 'decode'],
        'no exchange was named (--exchange, or a bridge.yaml)',
      );
      return;
    }
    for (const exchange of exchanges.values()) {
      await this.#checkup.take('exchange', () => this.#checkExchange(exchange));
    }
    for (const source of sources) await this.#checkup.take('queue', () => this.#checkQueue(source));
    await this.#receive();
  }

  async #checkRight(right: Right): Promise<Finding> {
    const { sources, sendTo } = this.#plan;
    const needed = new Map<string, { on: Resource; queue: string }>();
    const need = (kind: Resource['kind'], name: string, queue = ''): void => {
      needed.set(`${kind} '${name}'`, { on: { kind, name }, queue });
    };
    for (const { exchange, queue } of sources) {
      const isBound = queue.declare !== 'passive';
      if (right === 'configure' && exchange.declare === 'active') need('exchange', exchange.name);
      if (right === 'configure' && isBound) need('queue', queue.name ?? '');
      if (right === 'write' && isBound && queue.name) need('queue', queue.name);
      if (right === 'read' && isBound) need('exchange', exchange.name, queue.name);
      if (right === 'read' && queue.name) need('queue', queue.name);
    }
    if (sendTo !== undefined && right === 'configure' && sendTo.declare === 'active') need('exchange', sendTo.name);
    if (sendTo !== undefined && right === 'write') need('exchange', sendTo.name);
    if (needed.size === 0) return { state: 'skipped', message: `nothing that a bridge would ${right}` };

    const missing: string[] = [];
    for (const { on, queue } of needed.values()) {
      const why = await missingRight(this.#model, right, on, queue);
      if (why !== undefined) missing.push(why);
    }
    if (missing.length > 0) {
      const { vhost, username } = this.#plan.access.address;
      throw new CheckFailedError(
        `the right to ${right} is missing: ${missing.join('; ')}`,
        `give it: rabbitmqctl set_permissions -p '${vhost}' '${username}' <configure> <write> <read>, regular expressions of names${
          right === 'configure' ? '; or have the broker’s owner make them, and say declare: passive' : ''
        }`,
      );
    }
    const names = [...needed.keys()].map((name) => (name === "queue ''" ? 'a queue of its own' : name));
    return { message: `may ${right} ${names.join(', ')}` };
  }

  async #checkExchange({ name, type, durable, declare }: CheckedExchange): Promise<Finding> {
    const absent = await refusalOf(this.#model, (channel) => channel.checkExchange(name));
    if (absent?.code === 404) {
      this.#absent.add(name);
      if (declare === 'active')
        return { message: `'${name}' is not there yet: the bridge makes it (${type ?? 'any type'})` };
      throw new CheckFailedError(
        `'${name}' is not there: ${textOf(absent)}`,
        'make it, correct the name, or say declare: active',
      );
    }
    if (absent !== undefined) throw refused(absent, 'see the broker’s log');
    if (type === undefined || declare !== 'active') return { message: `'${name}' is there` };
    const other = await refusalOf(this.#model, (channel) => channel.assertExchange(name, type, { durable }));
    // Without the right to declare it, it cannot be compared; that is told already.
    if (other === undefined || other.code === 403) {
      return { message: `'${name}' is there${other === undefined ? `, as ${type}` : ''}` };
    }
    throw refused(
      other,
      'say in the configuration what it is (type, durable), say declare: passive, or use another exchange',
    );
  }

  async #checkQueue({ queue, exchange, key }: CheckedSource): Promise<Finding> {
    const { name = '' } = queue;
    const bound = this.#absent.has(exchange.name)
      ? `nothing is bound to '${exchange.name}' as long as it is not there`
      : await this.#tryBinding(exchange.name, key);
    if (name === '') return { message: `a queue of the bridge's own; ${bound}` };
    const found = await refusalOf(this.#model, (channel) => channel.checkQueue(name));
    if (found?.code === 404) {
      if (queue.declare !== 'passive') return { message: `'${name}' is not there yet: the bridge makes it; ${bound}` };
      throw new CheckFailedError(
        `'${name}' is not there: ${textOf(found)}`,
        'make it, correct the name, or leave declare out',
      );
    }
    if (found !== undefined) throw refused(found, 'end who has it, or use another name');
    if (queue.declare === 'passive') return { message: `'${name}' is there` };
    const { exclusive, durable, autoDelete, arguments: args = {} } = queue;
    const other = await refusalOf(this.#model, (channel) =>
      channel.assertQueue(name, { exclusive, durable, autoDelete, arguments: args }),
    );
    if (other !== undefined && other.code !== 403) {
      throw refused(other, 'say in the configuration what it is, say declare: passive, or delete it');
    }
    return { message: `'${name}' is there; ${bound}` };
  }

  /** With a queue of our own, so that nothing changes for anybody. */
  async #tryBinding(exchange: string, key: string): Promise<string> {
    const refusal = await refusalOf(this.#model, async (channel) => {
      const { queue } = await channel.assertQueue('', { exclusive: true });
      await channel.bindQueue(queue, exchange, key);
    });
    // Rights are told by their own steps.
    if (refusal !== undefined && refusal.code !== 403) throw refused(refusal, 'correct exchange and key');
    return `it can be bound to '${exchange}' with key '${key}'`;
  }

  async #receive(): Promise<void> {
    const { sources, messageTimeoutMs } = this.#plan;
    const taps = await Promise.all(
      sources.map((source) =>
        this.#tap(source).catch((error: unknown) => {
          if (error instanceof BrokerError) return noTap(error.message);
          throw error;
        }),
      ),
    );
    const giveUp = new Promise<undefined>((resolve) => {
      const timer = setTimeout(resolve, messageTimeoutMs, undefined);
      void Promise.allSettled(taps.map((tap) => tap.first)).then(() => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
    for (const [at, source] of sources.entries()) {
      const tap = taps[at]!;
      let delivery: Delivery | undefined;
      if (tap.why !== undefined) {
        this.#checkup.skip(['message', 'decode'], tap.why);
        continue;
      }
      const came = await this.#checkup.take('message', async () => {
        delivery = await Promise.race([tap.first, giveUp]);
        if (delivery !== undefined) {
          const { content, routingKey, exchange } = delivery;
          return { message: `${content.length} bytes from '${exchange}' with key '${routingKey}'` };
        }
        throw this.#nothingCame(source, tap.otherKeys);
      });
      const { explain } = source;
      if (!came || delivery === undefined) this.#checkup.skip(['decode'], 'no message came');
      else if (explain === undefined)
        this.#checkup.skip(['decode'], 'how to read it is in a bridge.yaml, which was not given');
      else await this.#checkup.take('decode', async () => judge(explain(delivery as Delivery), source));
    }
    await Promise.all(taps.map((tap) => tap.close()));
  }

  #nothingCame({ exchange, key }: CheckedSource, otherKeys: ReadonlySet<string>): CheckFailedError {
    const waited = `nothing came from '${exchange.name}' with key '${key}' in ${this.#plan.messageTimeoutMs / 1000} s`;
    const others = [...otherKeys].slice(0, 5).map((other) => `'${other}'`);
    return others.length > 0
      ? new CheckFailedError(`${waited}, but with ${others.join(', ')}`, 'use one of these keys, or # for all of them')
      : new CheckFailedError(
          waited,
          'see whether the sender is running and publishes to this exchange of this virtual host; --timeout waits longer',
        );
  }

  /** A queue of our own beside the bridge's; a stream is read as it is, for reading takes nothing from it. */
  async #tap(source: CheckedSource): Promise<Tap> {
    const { exchange, key, queue } = source;
    const isStream = queue.offset !== undefined;
    if (!isStream && this.#absent.has(exchange.name)) return noTap(`'${exchange.name}' is not there yet`);
    if (isStream && (await refusalOf(this.#model, (channel) => channel.checkQueue(queue.name ?? ''))) !== undefined) {
      return noTap(`the stream '${queue.name}' is not there yet`);
    }
    const right = await missingRight(this.#model, 'configure', { kind: 'queue', name: '' });
    if (!isStream && right !== undefined) {
      return noTap(`the user may make no queue to listen with, and taking from '${queue.name}' would rob the bridge`);
    }
    const mayRead = isStream
      ? await missingRight(this.#model, 'read', { kind: 'queue', name: queue.name ?? '' })
      : await missingRight(this.#model, 'read', { kind: 'exchange', name: exchange.name });
    if (mayRead !== undefined) return noTap('the right to read is missing');
    let see: (delivery: Delivery) => void = () => {};
    const first = new Promise<Delivery>((resolve) => {
      see = resolve;
    });
    const otherKeys = new Set<string>();
    const listen = (spec: QueueSpec, bindingKey: string, onDelivery: (delivery: Delivery) => void) =>
      Consumer.open({
        ...this.#plan.access,
        connectionName: 'twinbridge doctor',
        exchanges: [],
        queue: spec,
        bindings: [{ exchange: exchange.name, key: bindingKey }],
        prefetch: 10,
        onDelivery,
      });
    const own: QueueSpec = { exclusive: true, durable: false, autoDelete: true };
    const consumers = [
      await listen(isStream ? { ...queue, declare: 'passive' } : own, key, (delivery) => see(delivery)),
    ];
    if (!isStream && exchange.type === 'topic' && key !== '#') {
      consumers.push(await listen(own, '#', ({ routingKey }) => otherKeys.size < 100 && otherKeys.add(routingKey)));
    }
    return {
      why: undefined,
      first,
      otherKeys,
      close: async () => {
        await Promise.all(consumers.map((consumer) => consumer.close()));
      },
    };
  }
}

interface Tap {
  /** Why there is none. */
  readonly why: string | undefined;
  readonly first: Promise<Delivery | undefined>;
  /** Routing keys of messages that the bridge's key does not match. */
  readonly otherKeys: ReadonlySet<string>;
  close(): Promise<void>;
}

function noTap(why: string): Tap {
  return { why, first: Promise.resolve(undefined), otherKeys: new Set(), close: async () => {} };
}

function refused(refusal: Refusal, remedy: string): CheckFailedError {
  return new CheckFailedError(textOf(refusal), remedy);
}

function judge(explained: Explanation, { maxageMs }: CheckedSource): Finding {
  const { rejected, signals, unknown, time, ageS = 0, body } = explained;
  if (rejected !== undefined) {
    throw new CheckFailedError(
      `the message is no sample: ${rejected}${body === undefined ? '' : `; it begins ${body.slice(0, 80)}`}`,
      "see 'twinbridge tap', and what messages must look like in docs/bridge.md",
    );
  }
  const taken = signals.filter(({ state }) => state === 'taken').length;
  const message = `${taken} of ${signals.length} signals, time ${time}, ${formatAge(ageS)}`;
  const doubts = [
    ...signals.flatMap(({ reason }) => reason ?? []),
    ...unknown,
    ...(ageS < -1 ? ['its time lies in the future: the clocks differ'] : []),
    ...(maxageMs !== undefined && ageS * 1000 > maxageMs
      ? [`it is older than maxage (${maxageMs} ms): a live run would wait`]
      : []),
  ];
  if (taken === signals.length && doubts.length === 0) return { message };
  return {
    state: 'warning',
    message: [message, ...doubts].join('; '),
    remedy: "see 'twinbridge tap' for all messages",
  };
}

export function formatAge(ageS: number): string {
  return ageS < 0 ? `${(-ageS).toFixed(3)} s ahead of this clock` : `${ageS.toFixed(3)} s old`;
}

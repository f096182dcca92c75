/** The shim's selection, fed like the specification. */
import { OfflineSelection, Producer, type RegionLayout, type Verdict } from '#tb/native/index.js';
import type { Message, Rule, Specification } from './specification.js';

function layout(sources: readonly number[], capacity: number): RegionLayout {
  return {
    variables: sources.map((source, slot) => ({
      name: `s${slot}`,
      valueReference: slot,
      type: 'Real',
      kind: 'output',
      slot,
      source,
    })),
    settings: {
      capacity,
      outgoingCapacity: 4,
      logBytes: 4096,
      behaviour: 2,
      lookahead: 1,
      sources: Array.from({ length: Math.max(...sources) + 1 }, (_, i) => ({ name: `source${i}`, maxageMs: 0 })),
      timeoutMs: 0,
      onTimeout: 'fail',
      sendAlways: false,
      startTime: 'ignored',
    },
  };
}

export type Outputs = readonly (readonly [time: bigint | undefined, value: number | undefined])[];

export interface ShimOptions {
  /** Of each signal, the source whose messages carry it. */
  readonly sources: readonly number[];
  readonly capacity: number;
  readonly dropOldest?: boolean;
  readonly rule?: Rule;
}

export class Shim {
  readonly producer: Producer;
  readonly selection: OfflineSelection;
  readonly #signals: number;

  constructor({ sources, capacity, dropOldest = false, rule }: ShimOptions) {
    this.#signals = sources.length;
    this.producer = new Producer(layout(sources, capacity), { dropOldest });
    this.selection = new OfflineSelection(this.producer);
    if (rule !== undefined) this.setRule(rule);
  }

  setRule({ maxage, ...rule }: Rule): void {
    this.selection.setRule({ ...rule, maxageNs: maxage });
  }

  /** Negative: the ring has no room. */
  arrive({ source = 0, time, values }: Message): number {
    if (values.size === 0) return this.producer.pushWatermark(source, time);
    const mask = new BigUint64Array(Math.ceil(this.#signals / 64));
    const row = new Float64Array(this.#signals);
    for (const [signal, value] of values) {
      mask[signal >> 6]! |= 1n << BigInt(signal & 63);
      row[signal] = value;
    }
    return this.producer.push(source, time, { mask, values: new Uint8Array(row.buffer), strings: Buffer.alloc(8) });
  }

  initialise(): { verdict: Verdict; zero: bigint } {
    return this.selection.initialise();
  }

  step(time: bigint, options: { again?: boolean } = {}): Verdict {
    return this.selection.step(time, options);
  }

  outputs(): Outputs {
    const values = new Float64Array(this.#signals);
    this.selection.read(values);
    return Array.from(values, (value, signal) => {
      const time = this.selection.timeOf(signal);
      return [time, time === undefined ? undefined : value];
    });
  }

  close(): void {
    this.selection.close();
    this.producer.close();
  }
}

export function outputsOf(specification: Specification): Outputs {
  return specification.chains.map(({ current }) => [current?.time, current?.value]);
}

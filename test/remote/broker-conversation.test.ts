/**
 * A conversation over a broker that loses, holds back and repeats messages, and links that come and go: all data arrives,
 * once and in order.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Conversation, DEFAULT_TIMING, type Loss, type Timing } from '#tb/remote/broker/conversation.js';
import { until } from '../support/until.js';

const TIMING: Timing = { ...DEFAULT_TIMING, probeMs: 20, beatMs: 60, silentMs: 2000, absentMs: 300, resumeMs: 600 };

/** One way through a broker, in order. What happens to each message is drawn by `fate`. */
class Path {
  isUp = true;
  readonly #fate: () => 'deliver' | 'lose' | 'repeat' | 'hold';
  readonly #held: Buffer[] = [];
  readonly #receive: (message: Buffer) => void;

  constructor(fate: () => 'deliver' | 'lose' | 'repeat' | 'hold', receive: (message: Buffer) => void) {
    this.#fate = fate;
    this.#receive = receive;
  }

  send(head: Buffer, body: Uint8Array): boolean {
    if (!this.isUp) return false;
    const message = Buffer.concat([head, body]);
    const fate = this.#fate();
    if (fate === 'lose') return true;
    this.#held.push(message);
    if (fate === 'repeat') this.#held.push(message);
    if (fate !== 'hold') setImmediate(() => this.flush());
    return true;
  }

  flush(): void {
    for (const message of this.#held.splice(0)) this.#receive(message);
  }
}

const open = new Set<Conversation>();
afterEach(() => {
  for (const conversation of open) conversation.close();
  open.clear();
});

interface Side {
  readonly conversation: Conversation;
  readonly data: string[];
  readonly notes: string[];
  readonly losses: Loss[];
  absences: number;
}

function pair(fate: () => 'deliver' | 'lose' | 'repeat' | 'hold', timing: Partial<Timing> = {}) {
  const sides: Side[] = [];
  const make = (path: () => Path): Side => {
    const side: Side = {
      data: [],
      notes: [],
      losses: [],
      absences: 0,
      conversation: new Conversation({
        stream: 7,
        timing: { ...TIMING, ...timing },
        send: (head, body) => path().send(head, body),
        onData: (frames) => side.data.push(frames.toString()),
        onNote: (text) => side.notes.push(text),
        onAbsent: () => {
          side.absences += 1;
        },
        onLost: (how) => side.losses.push(how),
      }),
    };
    open.add(side.conversation);
    sides.push(side);
    return side;
  };
  const there: Path = new Path(fate, (message) => sides[1]!.conversation.receive(message));
  const back: Path = new Path(fate, (message) => sides[0]!.conversation.receive(message));
  return { a: make(() => there), b: make(() => back), there, back };
}

const always = () => 'deliver' as const;
const words = (count: number, by: string) => Array.from({ length: count }, (_, index) => `${by}${index}`);

describe('A conversation', () => {
  it('hands on everything, once and in order, whatever becomes of messages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('deliver', 'deliver', 'lose', 'repeat', 'hold'), { minLength: 5, maxLength: 60 }),
        fc.array(fc.constantFrom('a', 'b', 'drop a', 'drop b', 'wait'), { minLength: 5, maxLength: 40 }),
        async (fates, acts) => {
          let drawn = 0;
          // After a while the broker is well again: else nothing could be asked of it.
          const { a, b, there, back } = pair(() => (drawn < fates.length ? fates[drawn++]! : 'deliver'));
          const said = { a: 0, b: 0 };
          for (const act of acts) {
            if (act === 'a') a.conversation.data(Buffer.from(`a${said.a++}`));
            else if (act === 'b') b.conversation.data(Buffer.from(`b${said.b++}`));
            else if (act === 'wait') await new Promise((resolve) => setTimeout(resolve, 5));
            else {
              const [side, path] = act === 'drop a' ? [a, there] : [b, back];
              path.isUp = false;
              side.conversation.linkDown();
              side.conversation.data(Buffer.from(act === 'drop a' ? `a${said.a++}` : `b${said.b++}`));
              await new Promise((resolve) => setTimeout(resolve, 2));
              path.isUp = true;
              side.conversation.linkUp();
            }
          }
          await until(() => b.data.length >= said.a && a.data.length >= said.b, 'all of it', 4000);
          expect(b.data).toEqual(words(said.a, 'a'));
          expect(a.data).toEqual(words(said.b, 'b'));
          expect([...a.losses, ...b.losses]).toEqual([]);
          a.conversation.close();
          b.conversation.close();
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  it('notes keep their place among data', async () => {
    const { a, b } = pair(always);
    a.conversation.data(Buffer.from('one'));
    a.conversation.note('between');
    a.conversation.data(Buffer.from('two'));
    await until(() => b.data.length === 2);
    expect(b.notes).toEqual(['between']);
  });

  it('what is larger than a broker may take goes in pieces', async () => {
    let lost = 0;
    const { a, b } = pair(() => (++lost % 3 === 0 && lost < 10 ? 'lose' : 'deliver'));
    const large = 'x'.repeat(5 * 2 ** 20 + 3);
    a.conversation.data(Buffer.from(large));
    a.conversation.data(Buffer.from('small'));
    await until(() => b.data.length === 2);
    expect(b.data[0] === large).toBe(true);
    expect(b.data[1]).toBe('small');
  });

  it('a side whose messages come back is absent, and lost after a while', async () => {
    const { a, b, there } = pair(always);
    b.conversation.close();
    there.send = () => {
      setImmediate(() => a.conversation.returned());
      return true;
    };
    a.conversation.data(Buffer.from('is anybody there?'));
    const from = performance.now();
    await until(() => a.losses.length > 0);
    expect(a.losses).toEqual(['absent']);
    expect(a.absences).toBe(1);
    expect(performance.now() - from).toBeGreaterThanOrEqual(TIMING.absentMs - 10);
  });

  it('one that comes back in time goes on where it was', async () => {
    const { a, b, there } = pair(always);
    const send = there.send.bind(there);
    there.send = () => {
      setImmediate(() => a.conversation.returned());
      return true;
    };
    a.conversation.data(Buffer.from('a0'));
    await until(() => a.absences === 1);
    there.send = send;
    b.conversation.linkUp();
    await until(() => b.data.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 2 * TIMING.absentMs));
    expect(a.losses).toEqual([]);
  });

  it('after its own link has come back it waits longer: the broker may have been restarted', async () => {
    const { a, b, there } = pair(always);
    b.conversation.close();
    a.conversation.linkDown();
    a.conversation.linkUp();
    there.send = () => {
      setImmediate(() => a.conversation.returned());
      return true;
    };
    a.conversation.data(Buffer.from('a0'));
    await until(() => a.absences === 1);
    const from = performance.now();
    await until(() => a.losses.length > 0);
    expect(performance.now() - from).toBeGreaterThan(TIMING.resumeMs - 100);
  });

  it('one that hangs is lost; while the broker takes no messages nobody is', async () => {
    const { a } = pair(() => 'lose', { silentMs: 200 });
    a.conversation.linkHeld(true);
    a.conversation.data(Buffer.from('a0'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(a.losses).toEqual([]);
    a.conversation.linkHeld(false);
    await until(() => a.losses.length > 0);
    expect(a.losses).toEqual(['silent']);
  });
});

/** The table "Partial messages, step by step" of docs/bridge.md, row by row. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Shim } from './shim.js';
import { END_OF_STREAM, type Message, type Rule } from './specification.js';

const MS = 1_000_000n;
const BEHAVIOURS = ['RMQFMU 0', 'RMQFMU 1', 'RMQFMU 2', 'complete'] as const;

const page = readFileSync(new URL('../../docs/bridge.md', import.meta.url), 'utf8');
const table = page.slice(page.indexOf('### Partial messages, step by step'));
const [head, , ...rows] = (/(?:^\|.*\|\n)+/m.exec(table)?.[0] ?? '')
  .trimEnd()
  .split('\n')
  .map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );

/** `xy30`, `mark50`, `end` */
function messageOf(word: string): Message {
  if (word === 'end') return { time: END_OF_STREAM, values: new Map() };
  const [, what = '', ms = ''] = /^([a-z]+)(\d+)$/.exec(word) ?? [];
  const carried = ['x', 'y'].flatMap((name, signal) => (what !== 'mark' && what.includes(name) ? [signal] : []));
  if (ms === '' || (what !== 'mark' && carried.length !== what.length)) throw new Error(`no message: '${word}'`);
  return { time: BigInt(ms) * MS, values: new Map(carried.map((signal) => [signal, Number(ms)])) };
}

function outcome(behaviour: Rule['behaviour'], messages: string, step: string): string {
  const rule: Rule = { behaviour, lookahead: 2, maxage: 100n * MS };
  const shim = new Shim({ sources: [0, 0], capacity: 64, rule });
  try {
    shim.arrive(messageOf('xy0'));
    expect(shim.initialise().verdict).toBe('valid');
    for (const word of messages === 'none' ? [] : messages.split(' ')) shim.arrive(messageOf(word));
    const verdict = shim.step(BigInt(step) * MS);
    if (verdict === 'waits') return 'waits';
    if (verdict === 'hopeless') return 'fails';
    const [x, y] = shim.outputs().map(([, value]) => value);
    return `x${x} y${y}`;
  } finally {
    shim.close();
  }
}

describe('the table of docs/bridge.md', () => {
  it('is there', () => {
    expect(head).toEqual(['messages', 'step to', ...BEHAVIOURS]);
    expect(rows.length).toBeGreaterThan(15);
  });

  it.each(rows as [string, string, ...string[]][])('%s; step to %s', (messages, step, ...expected) => {
    expect(BEHAVIOURS.map((_, behaviour) => outcome(behaviour as Rule['behaviour'], messages, step))).toEqual(expected);
  });
});

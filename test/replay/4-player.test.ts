import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Player, type PlayerOptions } from '#tb/replay/player.js';
import { Schedule } from '#tb/replay/schedule.js';
import type { ReplaySource } from '#tb/replay/source.js';
import { parseTimeBound } from '#tb/replay/time-window.js';
import { formatRfc3339 } from '#tb/support/time.js';
import { CollectingSink, FakeClock, rowsSource } from './support.js';

const T0 = 1_311_868_163_869_700_000n;
const MS = 1_000_000n;

function player(times: Iterable<bigint> | ReplaySource, options: Partial<PlayerOptions> = {}, clock = new FakeClock()) {
  const sink = new CollectingSink(() => clock.now());
  const source = Symbol.iterator in times ? rowsSource(times) : times;
  return { sink, clock, player: new Player({ source, sink, clock, ...options }) };
}

/** Milliseconds from the first message to each. */
const offsets = (sink: CollectingSink) => sink.sentAt.map((at) => at - sink.sentAt[0]!);
const stamps = (sink: CollectingSink) => sink.messages.map((message) => message.time);
const order = (sink: CollectingSink) => sink.messages.map((message) => message.i);

describe('pace', () => {
  it('rows go out at the recorded distances, divided by the rate', async () => {
    const times = [T0, T0 + 10n * MS, T0 + 30n * MS, T0 + 1000n * MS];
    const at1 = player(times);
    await at1.player.play();
    expect(offsets(at1.sink)).toEqual([0, 10, 30, 1000]);
    const at4 = player(times, { rate: 4 });
    await at4.player.play();
    expect(offsets(at4.sink)).toEqual([0, 2.5, 7.5, 250]);
  });

  it('does not drift in a million rows, though every timer fires up to 15 ms late', async () => {
    const rows = 1_000_000;
    function* times() {
      for (let row = 0; row < rows; row++) yield T0 + (BigInt(row) * 10_000_000n) / 3n;
    }
    let seed = 1;
    const overshoot = () => {
      seed = (seed * 48271) % 2147483647;
      return (seed / 2147483647) * 15;
    };
    const clock = new FakeClock(overshoot);
    let worst = 0;
    let sent = 0;
    const began = clock.now();
    const sink = new CollectingSink();
    sink.send = () => {
      const late = clock.now() - (began + (sent++ * 10) / 3);
      worst = Math.max(worst, late);
      if (late < -1e-3) throw new Error(`row ${sent} was ${-late} ms early`);
    };
    const report = await new Player({ source: rowsSource(times()), sink, clock }).play();
    expect(report.messagesSent).toBe(rows);
    expect(worst).toBeLessThan(15.001);
    expect(report.lagMs!.max).toBeCloseTo(worst, 3);
    // Timers are between 0 and 15 ms late, and rows due meanwhile wait for them: the median is about the half.
    expect(report.lagMs!.p50).toBeGreaterThan(4);
    expect(report.lagMs!.p50).toBeLessThan(9);
    expect(report.lagMs!.p99).toBeLessThan(15.001);
  });

  it('after a stall, rows that are late go out at once and the schedule is met again', async () => {
    let slept = 0;
    const clock = new FakeClock(() => (++slept === 3 ? 100 : 0));
    const { sink, player: p } = player(
      Array.from({ length: 20 }, (_, row) => T0 + BigInt(row) * 10n * MS),
      {},
      clock,
    );
    const report = await p.play();
    expect(offsets(sink).slice(0, 3)).toEqual([0, 10, 20]);
    expect(offsets(sink).slice(3, 14)).toEqual(Array(11).fill(130));
    expect(offsets(sink).slice(14)).toEqual([140, 150, 160, 170, 180, 190]);
    expect(report.lagMs!.max).toBe(100);
  });

  it('rows of equal time and rows back in time go out in file order, without waiting', async () => {
    const { sink, player: p } = player([T0, T0 + 10n * MS, T0 + 10n * MS, T0 + 5n * MS, T0 + 10n * MS, T0 + 20n * MS]);
    const report = await p.play();
    expect(order(sink)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(offsets(sink)).toEqual([0, 10, 10, 10, 10, 20]);
    expect(report).toMatchObject({ rowsOfEqualTime: 2, rowsBackInTime: 1, lagMs: { max: 0 } });
  });

  it('whatever the times: file order, never early, stamps as recorded', async () => {
    const time = fc.bigInt(0n, 10_000n * MS).map((offset) => T0 + offset);
    await fc.assert(
      fc.asyncProperty(
        fc.array(time, { minLength: 1, maxLength: 50 }),
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        async (times, rate) => {
          const { sink, player: p } = player(times, { rate }, new FakeClock(() => 0.7));
          await p.play();
          expect(order(sink)).toEqual(times.map((_, index) => index));
          expect(stamps(sink)).toEqual(times.map(formatRfc3339));
          for (const [index, offset] of offsets(sink).entries()) {
            expect(offset).toBeGreaterThan(Number(times[index]! - times[0]!) / 1e6 / rate - 1e-6);
          }
        },
      ),
    );
  });

  it('unpaced, nothing waits and no lag is reported', async () => {
    const { sink, player: p } = player([T0, T0 + 1000n * MS], { paced: false });
    const report = await p.play();
    expect(offsets(sink)).toEqual([0, 0]);
    expect(report.lagMs).toBeNull();
  });

  it('keeps pace with the real clock', async () => {
    const times = Array.from({ length: 150 }, (_, row) => T0 + (BigInt(row) * 10_000_000n) / 3n);
    const sink = new CollectingSink();
    const report = await new Player({ source: rowsSource(times), sink }).play();
    expect(report.durationMs).toBeGreaterThan(496.6);
    expect(report.durationMs).toBeLessThan(700);
  });
});

describe('time in the messages', () => {
  it('keep: as recorded, under the key asked for', async () => {
    const { sink, player: p } = player([T0], { timeKey: 'at' });
    await p.play();
    expect(sink.bodies).toEqual(['{"i":0,"at":"2011-07-28T15:49:23.869700Z"}']);
  });

  it('now: the recorded time is mapped to the present, stretched by the rate', async () => {
    const { sink, player: p } = player([T0, T0 + 3000n * MS], { stamp: 'now', rate: 2 });
    await p.play();
    // The fake wall clock reads 1,700,000,000 s.
    expect(stamps(sink)).toEqual(['2023-11-14T22:13:20.000Z', '2023-11-14T22:13:21.500Z']);
  });

  it('at the recorded speed no nanosecond is lost, however long the recording', () => {
    const schedule = new Schedule({ recorded: 1n, now: 0, wall: 1_700_000_000_000_000_000n }, 1);
    schedule.take(9_007_199_254_740_993n + 1n);
    expect(schedule.presentStamp).toBe(1_709_007_199_254_740_993n);
  });
});

describe('loop', () => {
  const times = [T0, T0 + 10n * MS, T0 + 20n * MS, T0 + 60n * MS];

  it('time goes on: the next pass follows at the mean distance of the rows', async () => {
    const { sink, player: p } = player(times, { passes: 3 });
    const report = await p.play();
    expect(offsets(sink)).toEqual([0, 10, 20, 60, 80, 90, 100, 140, 160, 170, 180, 220]);
    const seen = sink.messages.map((message) => Date.parse(message.time as string));
    expect(seen.map((time) => time - seen[0]!)).toEqual(offsets(sink));
    expect(report).toMatchObject({ outcome: 'finished', passes: 3, messagesSent: 12, rowsBackInTime: 0 });
  });

  it('a single row repeats every second', async () => {
    const { sink, player: p } = player([T0], { passes: 3 });
    await p.play();
    expect(offsets(sink)).toEqual([0, 1000, 2000]);
  });

  it('without end, until stopped', async () => {
    const sink = new CollectingSink();
    const clock = new FakeClock();
    const endless = new Player({ source: rowsSource(times), sink, clock, passes: Number.POSITIVE_INFINITY });
    const { send } = CollectingSink.prototype;
    sink.send = (body) => {
      send.call(sink, body);
      if (sink.bodies.length === 10) endless.stop();
    };
    expect(await endless.play()).toMatchObject({ outcome: 'stopped', passes: 3, messagesSent: 10 });
  });

  it('refuses a source that can be read once only', () => {
    const pipe: ReplaySource = { ...rowsSource(times), name: 'stdin', onlyOnce: 'it is a pipe' };
    expect(() => player(pipe, { passes: 2 })).toThrow('stdin cannot be looped: it is a pipe');
  });
});

describe('start and until', () => {
  const times = Array.from({ length: 10 }, (_, row) => T0 + BigInt(row) * 1000n * MS);
  const play = async (start?: string, until?: string) => {
    const { sink, player: p } = player(times, {
      ...(start === undefined ? {} : { start: parseTimeBound(start, '--start') }),
      ...(until === undefined ? {} : { until: parseTimeBound(until, '--until') }),
    });
    await p.play();
    return sink;
  };

  it('in seconds from the first row: from the first row at or past start to before the first at or past until', async () => {
    const sink = await play('2.5', '6');
    expect(order(sink)).toEqual([3, 4, 5]);
    expect(offsets(sink)).toEqual([0, 1000, 2000]);
  });

  it('as RFC 3339 times', async () => {
    expect(order(await play('2011-07-28T15:49:30Z'))).toEqual([7, 8, 9]);
    expect(order(await play(undefined, '2011-07-28T15:49:25Z'))).toEqual([0, 1]);
  });

  it('is an error when nothing lies between, also in an endless loop', async () => {
    await expect(play('100')).rejects.toMatchObject({ code: 'TB_REPLAY_EMPTY', exitCode: 3 });
    const { player: p } = player(times, {
      until: parseTimeBound('2000-01-01T00:00:00Z', '--until'),
      passes: Number.POSITIVE_INFINITY,
    });
    await expect(p.play()).rejects.toThrow('no row of rows lies between --start and --until');
    await expect(player([]).player.play()).rejects.toThrow('rows has no row to replay');
  });

  it('refuses what is neither', () => {
    expect(() => parseTimeBound('-1', '--start')).toThrow("--start: '-1' is neither seconds");
    expect(() => parseTimeBound('2011-07-28T15:49:30', '--until')).toThrow('--until');
  });
});

describe('stop', () => {
  it('wakes a player that waits in a gap of the recording', async () => {
    const abort = new AbortController();
    const sink = new CollectingSink();
    const p = new Player({ source: rowsSource([T0, T0 + 3_600_000n * MS]), sink, signal: abort.signal });
    const playing = p.play();
    setTimeout(() => abort.abort(), 20);
    expect(await playing).toMatchObject({ outcome: 'stopped', messagesSent: 1 });
  });

  it('leaves a source behind that has nothing to say', async () => {
    const silent: ReplaySource = {
      name: 'pipe',
      read: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
    };
    const p = new Player({ source: silent, sink: new CollectingSink() });
    const playing = p.play();
    setTimeout(() => p.stop(), 20);
    expect(await playing).toMatchObject({ outcome: 'stopped', messagesSent: 0 });
  });

  it('leaves a sink behind that takes no more, and waits for its confirmations as long as asked', async () => {
    const waited: number[] = [];
    const stuck = {
      send: () => new Promise<void>(() => {}),
      drain: async (ms: number) => void waited.push(ms),
      counts: { confirmed: 0, returned: 0, resent: 0, unconfirmed: 1 },
    };
    const p = new Player({ source: rowsSource([T0, T0]), sink: stuck, drainTimeoutMs: 123 });
    const playing = p.play();
    setTimeout(() => p.stop(), 20);
    expect(await playing).toMatchObject({ outcome: 'stopped', messagesSent: 1, unconfirmed: 1 });
    expect(waited).toEqual([123]);
  });

  it('before the first row: nothing is sent', async () => {
    const { player: p, sink } = player([T0], { signal: AbortSignal.abort() });
    expect(await p.play()).toMatchObject({ outcome: 'stopped', messagesSent: 0 });
    expect(sink.bodies).toEqual([]);
  });
});

it('what the sink throws ends the replay, after the confirmations of what was sent', async () => {
  const sink = new CollectingSink();
  let drained = false;
  sink.send = () => Promise.reject(new Error('gone'));
  sink.drain = async () => {
    drained = true;
  };
  await expect(new Player({ source: rowsSource([T0, T0]), sink }).play()).rejects.toThrow('gone');
  expect(drained).toBe(true);
});

it.each([{ rate: 0 }, { rate: -1 }, { rate: Number.NaN }, { passes: 0 }, { passes: 1.5 }])('refuses %j', (options) => {
  expect(() => player([T0], options)).toThrow(expect.objectContaining({ code: 'TB_REPLAY_OPTION', exitCode: 2 }));
});

describe('how far the stream is', () => {
  it('watermarks fill longer gaps, each when it is due, and the end is said once', async () => {
    const times = [0n, 10n, 100n, 130n].map((ms) => T0 + ms * MS);
    const { sink, player: filled } = player(times, { watermarkInterval: 40n * MS, endOfStream: true, rate: 2 });
    await filled.play();
    const at = (ms: bigint) => formatRfc3339(T0 + ms * MS);
    expect(
      sink.messages.map(({ time, ...rest }) => [time, rest.internal_watermark ?? rest.internal_end_of_stream]),
    ).toEqual([
      [at(0n), undefined],
      [at(10n), undefined],
      [at(50n), true],
      [at(90n), true],
      [at(100n), undefined],
      [at(130n), undefined],
      [at(130n), true],
    ]);
    expect(offsets(sink)).toEqual([0, 5, 25, 45, 50, 65, 65]);
    expect(sink.messages.at(-1)).toEqual({ time: at(130n), internal_end_of_stream: true });
  });

  it('a replay that is stopped has not come to its end', async () => {
    const { sink, player: stopped } = player([T0, T0 + MS], { endOfStream: true });
    stopped.stop();
    await stopped.play();
    expect(sink.messages).toEqual([]);
  });
});

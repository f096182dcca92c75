import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { csvSource } from '#tb/replay/csv-source.js';
import { Player } from '#tb/replay/player.js';
import { CollectingSink } from './support.js';

const MEGABYTE = 1e6;

/** A child process that writes `megabytes` of CSV as fast as its pipe takes them. */
function generator(megabytes: number) {
  const script = `
    const row = '1311868163.8697,-0.1357,-1.4217,1.4764,0.6453,-0.5498,0.3363,-0.4101\\n';
    const block = row.repeat(4000);
    const { once } = require('node:events');
    process.stdout.on('error', () => process.exit()); // the reader has enough
    (async () => {
      process.stdout.write('timestamp,tx,ty,tz,qx,qy,qz,qw\\n');
      for (let written = 0; written < ${megabytes * MEGABYTE}; written += block.length) {
        if (!process.stdout.write(block)) await once(process.stdout, 'drain');
      }
    })();`;
  return spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

function trackPeak(): () => number {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 20);
  return () => {
    clearInterval(timer);
    return Math.max(peak, process.memoryUsage().rss) / MEGABYTE;
  };
}

describe('memory does not grow with the recording', () => {
  it('300 MB through a pipe take less than 200 MB', async () => {
    const before = process.memoryUsage().rss / MEGABYTE;
    const child = generator(300);
    const sink = new CollectingSink();
    let bytes = 0;
    sink.send = (body) => {
      bytes += body.length;
    };
    const peak = trackPeak();
    const source = csvSource({ file: 'pipe', bytes: child.stdout });
    const report = await new Player({ source, sink, paced: false }).play();
    const grown = peak() - before;
    expect(report.messagesSent).toBeGreaterThan(4_000_000);
    expect(bytes).toBeGreaterThan(400 * MEGABYTE);
    // However long the recording: about 50 MB with Node.js 20, 150 MB with 24, whose young generation is larger.
    expect(grown).toBeLessThan(200);
  }, 120_000);

  it('a slow receiver holds the reading back: the bytes stay in the pipe', async () => {
    const child = generator(50);
    let read = 0;
    async function* counted() {
      for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
        read += chunk.length;
        yield chunk;
      }
    }
    const sink = new CollectingSink();
    let sent = 0;
    const player = new Player({ source: csvSource({ file: 'pipe', bytes: counted() }), sink, paced: false });
    sink.send = () => {
      sent += 1;
      if (sent < 10) return;
      return new Promise<void>(() => {});
    };
    const playing = player.play();
    // On a busy machine the recording may be long in coming.
    while (sent < 10) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent).toBe(10);
    expect(read).toBeLessThan(0.5 * MEGABYTE);
    player.stop();
    expect((await playing).messagesSent).toBe(10);
    child.kill();
  });
});

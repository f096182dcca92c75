/**
 * A broker in a process of its own. The embedded one by default; `TWINBRIDGE_TEST_BROKER` names another to use instead.
 *
 * FMU calls block the thread that makes them: a broker in the test's own process could not answer meanwhile.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { MAIN } from './cli.js';

export interface BrokerProcess {
  readonly url: string;
  readonly port: number;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
}

export async function startBroker(port = 0): Promise<BrokerProcess> {
  const child = spawn(process.execPath, [MAIN, 'broker', '--port', String(port), '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ready = JSON.parse(await firstLine(child)) as { port: number };
  return {
    url: `amqp://guest:guest@127.0.0.1:${ready.port}`,
    port: ready.port,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk;
    const end = text.indexOf('\n');
    if (end >= 0) return text.slice(0, end);
  }
  throw new Error(`the broker ended before it was ready: ${text}`);
}

/** The bridge FMU as its importer sees it, and the peers on the broker. */
import { readdirSync, readFileSync } from 'node:fs';
import { bridgeFmu } from '../lib/bridge-fmu.mjs';
import { forget } from '../lib/broker.mjs';
import { Peer, runImporter } from '../lib/processes.mjs';
import { outputsOf, SHAPES } from '../lib/signals.mjs';

const US = 1e3;
const MS = 1e6;
const inUnit = (samplesNs, unitNs) => samplesNs.map((ns) => ns / unitNs);

/** Steps, or messages, before those that count. */
const WARMUP = 25;

/** How far an importer with its data at hand stays behind the stream, ms: here, and up to BURST_MS further. */
const LAG_MS = 50;
const BURST_MS = 50;
const STEP_TARGET = { median: 0.5, p99: 10 };

/* ---- A bridge and its peers ---------------------------------------------------------------------------------------- */

let measurements = 0;

/** `use` with names of its own, whatever the broker has besides; afterwards nothing is left there. */
async function withNames({ url }, use) {
  const exchange = `bench_${process.pid}_${++measurements}`;
  const names = { exchange, stateKey: 'state', commandKey: 'command', queue: `${exchange}_queue` };
  try {
    return await use(names);
  } finally {
    await forget(url, { exchanges: [names.exchange], queues: [names.queue] });
  }
}

/** `use` with a bridge FMU, its names on the broker, and `importer` to run it. */
function withBridge({ url, folder }, { receive, ...config }, use) {
  return withNames({ url }, async (names) => {
    const { exchange, stateKey, commandKey } = names;
    const fmu = await bridgeFmu(folder, {
      name: exchange,
      receive: { exchange, key: stateKey, ...receive?.(names) },
      send: { key: commandKey },
      ...config,
    });
    try {
      return await use({
        fmu,
        names,
        importer: (scenario, options, settings) =>
          runImporter(scenario, { ...fmu.options, ...options }, { env: { AMQP_URL: url }, ...settings }),
      });
    } finally {
      await fmu.close();
    }
  });
}

/** `use` while a peer runs that has said that it is ready. */
async function withPeer(name, options, use) {
  const peer = new Peer(name, options);
  try {
    await peer.next();
    return await use(peer);
  } finally {
    await peer.end();
  }
}

/** `use` while messages of a shape arrive at a bridge for them. */
function withStream(context, shape, { selection, ...feeder }, use) {
  return withBridge(context, { outputs: outputsOf(SHAPES[shape]), selection }, (bridge) => {
    const { exchange, stateKey } = bridge.names;
    return withPeer('feeder', { url: context.url, exchange, key: stateKey, shape, ...feeder }, () => use(bridge));
  });
}

/** Nothing may have been lost or refused on the way: a figure of a broken run is none. */
function checkCounts({ counts }) {
  for (const fault of ['dropped', 'rejected', 'late']) {
    if (counts[fault] > 0) throw new Error(`${counts[fault]} messages were ${fault}`);
  }
}

/* ---- Steps that find their data ------------------------------------------------------------------------------------ */

/**
 * Messages 2 ms apart; `speed`: how much faster than real time they come and steps are made; `realtime`: each step at its
 * own time, after a sleep in which others used the caches, instead of in bursts.
 */
async function pacedSteps(context, shape, settings) {
  const { stepMs, lookahead, maxageMs = 300, speed = 1, gaps = false, realtime = false } = settings;
  const period = stepMs / speed;
  const seconds = context.quick ? 2 : 10;
  const selection = { maxage: maxageMs, lookahead, timeout: '10 s' };
  const options = {
    step: stepMs / 1000,
    period,
    burst: realtime ? 1 : Math.round(BURST_MS / period),
    lag: realtime ? LAG_MS + BURST_MS / 2 : LAG_MS,
    count: (seconds * 1000) / period,
    warmup: 2 * WARMUP,
  };
  const result = await withStream(context, shape, { selection, periodMs: 2, speed, gaps }, ({ importer }) =>
    importer('paced', options),
  );
  checkCounts(result);
  const { waited } = result;
  if (waited > options.count / 100) context.say(`  ${waited} of ${options.count} steps had to wait and do not count`);
  return { step: inUnit(result.step, US), read: inUnit(result.read, US) };
}

const steps = (id, shape, settings) => ({
  rows: [{ id, unit: 'us', target: STEP_TARGET }],
  measure: async (context) => ({ [id]: (await pacedSteps(context, shape, settings)).step }),
});

const stepsAndReads = (suffix, settings, targets) => ({
  rows: [
    { id: `step-117-2ms${suffix}`, unit: 'us', target: targets.step },
    { id: `read-117${suffix}`, unit: 'us', target: targets.read },
  ],
  measure: async (context) => {
    const { step, read } = await pacedSteps(context, 117, { stepMs: 2, lookahead: 1, ...settings });
    return { [`step-117-2ms${suffix}`]: step, [`read-117${suffix}`]: read };
  },
});

/* ---- Messages a second --------------------------------------------------------------------------------------------- */

const CAPACITY = 4096;
const PREFETCH = 2000;

const absorb = (id, shape, messages, target) => ({
  rows: [{ id, unit: 'msg/s', target: { median: target, atLeast: true } }],
  measure: async (context) => {
    const count = context.quick ? messages / 4 : messages;
    const config = {
      outputs: outputsOf(SHAPES[shape]),
      receive: ({ queue }) => ({ queue: { name: queue, durable: true }, prefetch: PREFETCH }),
      selection: { maxage: '24 h', lookahead: 1_000_000 },
      ring: { capacity: CAPACITY },
    };
    const rates = [];
    for (let run = 0; run < (context.quick ? 1 : 5); run++) {
      await withBridge(context, config, async ({ names, importer }) => {
        const { exchange, stateKey: key, queue } = names;
        await withPeer('filler', { url: context.url, exchange, key, queue, shape, count }, () => {});
        const horizon = (2 * count) / 1000;
        const result = await importer('absorb', { total: count, skip: CAPACITY + PREFETCH, horizon, timeout: 100 });
        checkCounts(result);
        rates.push(...result.absorb);
      });
    }
    return { [id]: rates };
  },
});

/* ---- Waiting, publishing, catching up ------------------------------------------------------------------------------ */

/** Messages `periodMs` apart. At 20 ms the cores fall asleep between them, which is most of the figure. */
const wake = (id, periodMs, target) => ({
  rows: [{ id, unit: 'ms', target }],
  measure: async (context) => {
    const selection = { maxage: 1, lookahead: 1, timeout: '10 s' };
    const count = context.quick ? 100 : 500;
    const result = await withStream(context, 117, { selection, periodMs }, ({ importer }) =>
      importer('wake', { step: periodMs / 1000, count, warmup: WARMUP }),
    );
    checkCounts(result);
    return { [id]: inUnit(result.wake, MS) };
  },
});

/** The floor of `wake`: the same messages and broker, and a bare client instead of the bridge. */
const wakeClient = {
  rows: [{ id: 'wake-117-client', unit: 'ms' }],
  measure: (context) =>
    withNames(context, ({ exchange, stateKey: key }) => {
      const common = { url: context.url, exchange, key };
      const options = { ...common, field: 'published_at', count: context.quick ? 100 : 500, warmup: WARMUP };
      return withPeer('receiver', options, (receiver) =>
        withPeer('feeder', { ...common, shape: 117, periodMs: 20 }, async () => {
          const { latenciesNs } = await receiver.next();
          return { 'wake-117-client': inUnit(latenciesNs, MS) };
        }),
      );
    }),
};

const publish = {
  rows: [{ id: 'publish-10', unit: 'ms' }],
  measure: async (context) => {
    const count = context.quick ? 100 : 500;
    const inputs = ['sent_at', ...Array.from({ length: 9 }, (_, i) => `command_${i}`)];
    const config = { inputs: Object.fromEntries(inputs.map((name) => [name, 'Real'])) };
    return withBridge(context, config, ({ names, importer }) => {
      const { exchange, commandKey: key } = names;
      return withPeer('receiver', { url: context.url, exchange, key, field: 'sent_at', count }, async (receiver) => {
        await importer('publish', { step: 0.02, period: 20, count });
        const { latenciesNs } = await receiver.next();
        return { 'publish-10': inUnit(latenciesNs, MS) };
      });
    });
  },
};

const catchUp = {
  rows: [{ id: 'catchup-117', unit: 'us' }],
  measure: async (context) => {
    const selection = { maxage: 300, lookahead: 1000, timeout: '10 s' };
    const count = context.quick ? 3 : 15;
    const result = await withStream(context, 117, { selection, periodMs: 2 }, ({ importer }) =>
      importer('catchup', { period: 2, pause: 1000, count, lag: LAG_MS }),
    );
    checkCounts(result);
    return { 'catchup-117': inUnit(result.catchup, US) };
  },
};

const emergencyStop = {
  rows: [{ id: 'estop', unit: 'ms' }],
  measure: async (context) => {
    const count = context.quick ? 100 : 500;
    const config = {
      outputs: outputsOf(SHAPES[5]),
      inputs: { stop: { type: 'Boolean', start: false }, reply_to: { type: 'Integer', start: -1 } },
      selection: { maxage: 1, lookahead: 1, timeout: '10 s' },
    };
    return withBridge(context, config, ({ fmu, names, importer }) =>
      withPeer('robot', { url: context.url, ...names, periodMs: 20, count }, async (robot) => {
        const references = { stop: fmu.reference('stop'), reply_to: fmu.reference('reply_to') };
        // The last answer is published by the step after it.
        await importer('estop', { ...references, step: 0.02, safe_distance: 2, count: count + 1 });
        const { latenciesNs } = await robot.next();
        return { estop: inUnit(latenciesNs, MS) };
      }),
    );
  },
};

/* ---- Start and size ------------------------------------------------------------------------------------------------ */

const initialise = {
  rows: [{ id: 'init-117', unit: 'ms', target: { median: 150 } }],
  measure: async (context) => {
    const runs = context.quick ? 5 : 20;
    const selection = { maxage: 300, timeout: '10 s' };
    return withStream(context, 117, { selection, periodMs: 2 }, async ({ importer }) => {
      const samples = [];
      for (let run = 0; run < runs; run++) samples.push(...(await importer('init', {})).init);
      return { 'init-117': inUnit(samples, MS) };
    });
  },
};

/** Resident memory of a process, MB (10^6 bytes). */
function residentMegabytes(pid) {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return (Number(match[1]) * 1024) / 1e6;
}

/** The backend: the one child of the importer. */
function childOf(pid) {
  const children = readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ')[1].split(' ')[1] === String(pid);
    } catch {
      return false; // it has ended meanwhile
    }
  });
  if (children.length !== 1) throw new Error(`the importer has ${children.length} children, expected its backend`);
  return Number(children[0]);
}

const INSTANCES = 5;

const memory = {
  rows: [
    { id: 'memory-117', unit: 'MB', target: { max: 80 } },
    { id: 'memory-117-further', unit: 'MB', target: { median: 5 } },
  ],
  measure: async (context) => {
    const selection = { maxage: 300, timeout: '10 s' };
    const alone = [];
    const further = [];
    await withStream(context, 117, { selection, periodMs: 10 }, async ({ importer }) => {
      for (let run = 0; run < (context.quick ? 1 : 3); run++) {
        for (const instances of [1, INSTANCES]) {
          const { held: megabytes } = await importer(
            'hold',
            { instances, step: 0.01, period: 10, count: 300, lag: LAG_MS },
            { whileHolding: (pid) => residentMegabytes(childOf(pid)) },
          );
          if (instances === 1) alone.push(megabytes);
          else further.push((megabytes - alone.at(-1)) / (INSTANCES - 1));
        }
      }
    });
    return { 'memory-117': alone, 'memory-117-further': further };
  },
};

export const bridge = [
  stepsAndReads('', {}, { step: STEP_TARGET, read: { median: 0.25 } }),
  stepsAndReads('-realtime', { realtime: true }, {}),
  steps('step-117-100ms', 117, { stepMs: 100, lookahead: 1, speed: 10 }),
  steps('step-117-100ms-la100', 117, { stepMs: 100, lookahead: 100, speed: 10 }),
  // Values of up to 600 ms ago count: within a pause of 500 ms there are no newer ones.
  steps('step-117-100ms-la100-gaps', 117, { stepMs: 100, lookahead: 100, maxageMs: 600, speed: 10, gaps: true }),
  steps('step-5-100ms', 5, { stepMs: 100, lookahead: 1, speed: 10 }),
  absorb('absorb-117', 117, 60_000, 30_000),
  absorb('absorb-5', 5, 200_000, 60_000),
  wake('wake-117', 20, { median: 0.4 }),
  wake('wake-117-2ms', 2, { median: 0.4 }),
  wakeClient,
  publish,
  catchUp,
  initialise,
  memory,
  emergencyStop,
];

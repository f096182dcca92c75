/** FMUs elsewhere: what a step and a start cost, beside the same FMUs in the process of the master. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { median } from '../lib/statistics.mjs';
import {
  booted,
  brokered,
  inProcess,
  isolated,
  libcosim,
  libcosimInProcess,
  proxied,
  server,
  versionTime,
  worker,
} from '../remote/masters.mjs';
import { FMU } from '../remote/ring.mjs';

const SIZES = [1, 2, 4, 8, 16];
/** µs. */
const TARGETS = { 'remote-1': 60, 'remote-8': 250, 'amqp-1': 400 };
/** ms. */
const START_TARGETS = { 'start-1': 60, 'start-16': 500 };

/** What a sample takes, s, and what a step does, to begin with, µs. */
const AIM_S = { full: 1, quick: 0.3 };

const folderOf = ({ folder }, name) => {
  const own = join(folder, name);
  mkdirSync(own, { recursive: true });
  return own;
};

/** As many steps as take about as long as a sample is to take. */
async function samplesOf(master, folder, size, { quick, guess, atLeast = 50 }) {
  const [pilot] = await master.steps(folder, size, { steps: Math.ceil(1e5 / guess), times: 1 });
  const aim = (quick ? AIM_S.quick : AIM_S.full) * 1e6;
  const steps = Math.min(2_000_000, Math.max(atLeast, Math.ceil(aim / Math.max(pilot, guess / 10))));
  return master.steps(folder, size, { steps, times: quick ? 2 : 5 });
}

/** A rival that is not installed, or fails, is left out, with a word. */
async function forgiving(id, say, action) {
  try {
    return await action();
  } catch (error) {
    say(`  without ${id}: ${error.message}`);
    return undefined;
  }
}

const steps = (size) => {
  const name = `remote-${size}`;
  const beside = [
    { id: `${name}@in-process`, master: inProcess, guess: 0.2 * size },
    { id: `${name}@isolated`, master: isolated, guess: 10 * size },
  ];
  const rivals = [
    { id: `${name}@libcosim`, master: libcosim, guess: 100 * size },
    { id: `${name}@libcosim-in-process`, master: libcosimInProcess, guess: 10 * size },
  ];
  return {
    rows: [
      { id: name, unit: 'µs', ...(TARGETS[name] && { target: { median: TARGETS[name] } }) },
      ...beside.map(({ id }) => ({ id, unit: 'µs' })),
      ...rivals.map(({ id }) => ({ id, unit: 'µs', optional: true })),
    ],
    async measure(context) {
      const { quick, say, wants } = context;
      const sample = ({ id, master, guess }) => samplesOf(master, folderOf(context, id), size, { quick, guess });
      const least = await sample(beside[0]);
      const found = { [beside[0].id]: least };
      const ratio = (samples) => median(samples) / median(least);
      for (const each of [{ id: name, master: proxied, guess: 30 * size }, beside[1]]) {
        if (!wants(each.id)) continue;
        const samples = await sample(each);
        found[each.id] = { samples, ratio: ratio(samples) };
      }
      for (const each of rivals) {
        if (!wants(each.id) || (quick && size > 1)) continue;
        const lacking = each.master.missing();
        if (lacking !== undefined) {
          say(`  without ${each.id}: ${lacking}`);
          continue;
        }
        const samples = await forgiving(each.id, say, () => sample(each));
        if (samples !== undefined) found[each.id] = { samples, ratio: ratio(samples) };
      }
      return found;
    },
  };
};

const amqp = {
  rows: [{ id: 'amqp-1', unit: 'µs', target: { median: TARGETS['amqp-1'] } }],
  async measure(context) {
    const { quick, url } = context;
    const serving = await worker(['serve', '--amqp', url, FMU], /^offers ten/m);
    try {
      const address = new URL(url);
      const uri = `amqp-fmu://${address.host}${address.pathname === '/' ? '' : address.pathname}/ten`;
      process.env.AMQP_URL = url; // where the user's name and password come from
      const samples = await samplesOf(brokered(uri), folderOf(context, 'amqp-1'), 1, {
        quick,
        guess: 200,
        atLeast: 5000, // JavaScript is slow at first
      });
      return { 'amqp-1': samples };
    } finally {
      await serving.close();
    }
  },
};

/** Instances made, loaded and initialised, ms. */
const start = (size) => {
  const name = `start-${size}`;
  const boot = `${name}@booter`;
  return {
    rows: [
      { id: name, unit: 'ms', target: { median: START_TARGETS[name] } },
      { id: boot, unit: 'ms', target: { median: START_TARGETS[name] } },
      { id: `${name}@in-process`, unit: 'ms' },
    ],
    async measure(context) {
      const folder = folderOf(context, name);
      const booter = await server((port) => ['proxyfmu', 'boot', '--port', String(port)]);
      try {
        const found = { [name]: [], [boot]: [], [`${name}@in-process`]: [] };
        const far = booted(booter.port);
        await far.start(folder, size); // it has the FMU from now on
        for (let round = 0; round < (context.quick ? 3 : 9); round++) {
          found[`${name}@in-process`].push(await inProcess.start(folder, size));
          found[name].push(await proxied.start(folder, size));
          found[boot].push(await far.start(folder, size));
        }
        return found;
      } finally {
        await booter.close();
      }
    },
  };
};

const programs = {
  rows: [
    { id: 'start-booter', unit: 'ms' },
    { id: 'proxyfmu-version', unit: 'ms' },
  ],
  async measure({ quick }) {
    const rounds = Array.from({ length: quick ? 3 : 9 });
    const booters = [];
    for (const _ of rounds) {
      const booter = await server((port) => ['proxyfmu', 'boot', '--port', String(port)]);
      booters.push(booter.took);
      await booter.close();
    }
    return { 'start-booter': booters, 'proxyfmu-version': rounds.map(() => versionTime()) };
  },
};

export const remote = [...SIZES.map(steps), amqp, start(1), start(16), programs];

/** The master: this project's against a bare loop in C and against those of others, on the same FMUs. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { median } from '../lib/statistics.mjs';
import { fmpyContainer, fmucontainer } from '../masters/containers.mjs';
import { limit } from '../masters/limit.mjs';
import { maestro } from '../masters/maestro.mjs';
import { fmpy, libcosim } from '../masters/python.mjs';
import { chain, instances, loop } from '../masters/systems.mjs';
import { twinbridge } from '../masters/twinbridge.mjs';

/**
 * A master:
 *
 *   id
 *   missing()           what to do about it when it is not installed here, else undefined
 *   takes(system, csv)  whether it can do a system, with one Real of each FMU recorded or without, in bearable time
 *   guess(csv)          ns an FMU-step, to begin with; the figure decides how many steps are made
 *   slow                whether a round takes so long that one or few must do
 *   patience            how many times as long as others it has to run, because its start takes longer and varies more
 *   open(system, {folder, csv})
 *
 * Open, each of these starts a new process and tells what it cost (see runCosted), the `last` output and, if it knows, the
 * instant at which the system was `initialised`:
 *
 *   run(steps)
 *   start()             initialises the system; if it has none, a run of one step does, which tells when it was `initialised`
 *   startBare()         what of that is the interpreter's own start, if there is an interpreter
 *   close()             if there is something to remove
 */
const RIVALS = [fmucontainer, fmpyContainer, fmpy, libcosim, maestro];

const MS = 1e6;

/** What a run takes more than a shorter one, CPU time: at least, and aimed at. */
const LEAST_NS = 300 * MS;
const AIM_NS = 450 * MS;
/** How much the CPU time of a start varies. */
const NOISE_NS = 50 * MS;
/** The shorter run, as a part of the longer: whatever is slower at first, as a JIT compiler is, does not count. */
const SHORTER = 0.2;
const ATTEMPTS = 8;

/* ---- CPU time of a step -------------------------------------------------------------------------------------------- */

/** By master and kind of row: ns of an FMU-step, as the row before had it. */
const guesses = new Map();

/** CPU time of one FMU-step, ns: what a longer run takes more than a shorter one. */
async function stepCost({ master, opened }, system, csv) {
  const { id, patience = 1 } = master;
  const fmus = system.components.length;
  const cpu = async (steps) => {
    const result = await opened.run(steps);
    if (system.isResult(steps, result.last)) return result.cpu;
    throw new Error(`${id} has ${result.last} after ${steps} steps of ${system.name}`);
  };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const guess = guesses.get(`${id} ${csv}`) ?? master.guess(csv);
    const longer = Math.max(10, Math.ceil((patience * AIM_NS) / (1 - SHORTER) / (guess * fmus)));
    const shorter = Math.ceil(longer * SHORTER);
    const before = await cpu(shorter);
    const more = (await cpu(longer)) - before;
    const counted = (longer - shorter) * fmus;
    const isEnough = more >= patience * LEAST_NS;
    guesses.set(`${id} ${csv}`, (isEnough ? more : Math.max(more, 0) + patience * NOISE_NS) / counted);
    if (isEnough) return more / counted;
  }
  throw new Error(`${id} has no steady cost in ${ATTEMPTS} attempts`);
}

/* ---- Time of a start ----------------------------------------------------------------------------------------------- */

/** ms from the start of the process to the end of the initialisation, without the interpreter's own. */
async function startTime({ opened }) {
  const { initialised, started } = await (opened.start?.() ?? opened.run(1));
  const bare = await opened.startBare?.();
  return (initialised - started - (bare === undefined ? 0 : bare.initialised - bare.started)) / MS;
}

/* ---- A row and those of rivals beside it --------------------------------------------------------------------------- */

const rowId = (name, { id }) => (id === twinbridge.id ? name : `${name}@${id}`);

const obstacles = new Map();

/** A rival that is not installed is told of once. */
function isInstalled(rival, say) {
  if (!obstacles.has(rival)) {
    obstacles.set(rival, rival.missing());
    if (obstacles.get(rival) !== undefined) say(`  without ${rival.id}, here and below: ${obstacles.get(rival)}`);
  }
  return obstacles.get(rival) === undefined;
}

/**
 * `sample(entrant, system, csv)` of all, taking turns: the limit, this project's master, the rivals. The ratio is that to
 * the limit in the same round. Rivals take part in the first rounds only. One that fails is left out.
 */
async function compare({ name, system, csv, sample, rivals, rounds }, { folder: parent, say }) {
  const folder = join(parent, name);
  const forgiving = async (master, action) => {
    try {
      return await action();
    } catch (error) {
      if (!rivals.includes(master)) throw error;
      say(`  without ${rowId(name, master)}: ${error.message}`);
      return undefined;
    }
  };
  const roundsOf = (master) => (master.slow ? rounds.slow : rivals.includes(master) ? rounds.rivals : rounds.all);
  const entrants = [];
  try {
    for (const master of [limit, twinbridge, ...rivals]) {
      const files = join(folder, master.id);
      mkdirSync(files, { recursive: true });
      const opened = await forgiving(master, () => master.open(system, { folder: files, csv }));
      if (opened !== undefined) entrants.push({ master, opened, samples: [] });
    }
    for (let round = 0; round < rounds.all; round++) {
      for (const entrant of entrants) {
        const { master, samples } = entrant;
        if (samples.length < round || round >= roundsOf(master)) continue; // it has failed, or had its rounds
        const figure = await forgiving(master, () => sample(entrant, system, csv));
        if (figure !== undefined) samples.push(figure);
      }
    }
  } finally {
    for (const { opened } of entrants) await opened.close?.();
    rmSync(folder, { recursive: true, force: true });
  }
  const [{ samples: least }] = entrants;
  return Object.fromEntries(
    entrants
      .filter(({ samples }) => samples.length > 0)
      .map(({ master, samples }) => {
        const ratio = median(samples.map((figure, round) => figure / least[round]));
        return [rowId(name, master), master === limit ? samples : { samples, ratio }];
      }),
  );
}

const comparison = ({ name, unit, target, system, csv, sample, rounds, rivalsWhenQuick }) => {
  const able = RIVALS.filter((rival) => rival.takes(system, csv));
  return {
    rows: [
      { id: name, unit, ...(target && { target }) },
      { id: rowId(name, limit), unit },
      ...able.map((rival) => ({ id: rowId(name, rival), unit, optional: true })),
    ],
    measure: (context) => {
      const { quick, wants, say } = context;
      const rivals = able.filter(
        (rival) =>
          wants(rowId(name, rival)) && (!quick || (rivalsWhenQuick && !rival.patience)) && isInstalled(rival, say),
      );
      const settings = { name, system, csv, sample, rivals, rounds: quick ? rounds.quick : rounds.full };
      return compare(settings, context);
    },
  };
};

const steps = (system, csv) => {
  const fmus = system.components.length;
  return comparison({
    name: csv ? `${system.name}-csv` : system.name,
    unit: 'ns',
    system,
    csv,
    sample: stepCost,
    // A thousand FMUs take long to start, and recording makes every figure larger.
    rounds:
      csv || fmus > 100
        ? { full: { all: 3, rivals: 3, slow: 1 }, quick: { all: 1, rivals: 1, slow: 1 } }
        : { full: { all: 5, rivals: 3, slow: 1 }, quick: { all: 2, rivals: 1, slow: 1 } },
    rivalsWhenQuick: fmus === 10,
  });
};

const start = (system) =>
  comparison({
    name: system.name,
    unit: 'ms',
    target: { median: 100 },
    system,
    csv: false,
    sample: startTime,
    rounds: { full: { all: 11, rivals: 5, slow: 2 }, quick: { all: 3, rivals: 1, slow: 1 } },
    rivalsWhenQuick: true,
  });

const SYSTEMS = [chain(1), chain(2), loop(2), chain(10), chain(100), chain(1000)];

export const master = [
  ...SYSTEMS.map((system) => steps(system, false)),
  ...SYSTEMS.map((system) => steps(system, true)),
  start(instances(100)),
];

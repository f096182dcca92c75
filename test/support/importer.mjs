// An importing process to be killed: initialises a bridge FMU, says which process is its backend, and stays, or waits in
// a step for data that never comes.
import { readdirSync, readFileSync } from 'node:fs';
import { Fmi2Instance, openFmu } from '#tb/fmi/index.js';

const [file, then] = process.argv.slice(2);
const instance = new Fmi2Instance(await openFmu(file), { name: 'killed' });
instance.setupExperiment({ startTime: 0 });
instance.enterInitializationMode();
instance.exitInitializationMode();
const backend = readdirSync('/proc')
  .filter((name) => /^\d+$/.test(name))
  .find((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === process.pid;
    } catch {
      return false;
    }
  });
process.stdout.write(`${backend}\n`);
if (then === 'step') instance.doStep(0, 1000);
else setInterval(() => {}, 1000);

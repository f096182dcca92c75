// An importing process that latches its input 'stop', takes one step, says so, and stays until it is killed.
import { Fmi2Instance, openFmu } from '#tb/fmi/index.js';

const [file] = process.argv.slice(2);
const fmu = await openFmu(file);
const instance = new Fmi2Instance(fmu, { name: 'killed' });
instance.setupExperiment({ startTime: 0 });
instance.enterInitializationMode();
instance.exitInitializationMode();
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
const stop = fmu.description.variables.find(({ name }) => name === 'stop');
instance.setBoolean(Uint32Array.of(stop.valueReference), Int32Array.of(1));
instance.doStep(0, 0.1);
process.kill(process.pid, 'SIGKILL');

/**
 * The systems that masters are compared on, of the example FMUs: a dahlquist whose x goes through feedthroughs in a chain, two
 * feedthroughs in a loop, and instances without connections.
 *
 * A system: `name`; `step`, s; `components`, each with its `name`, `fmu` (the archive), the Real `output` that is passed on
 * and recorded, the `input` that takes the output of the component of index `source` (both may be missing), and `start`;
 * and `isResult(steps, value)`: whether the last output can be `value` after so many steps.
 */
import { fileURLToPath } from 'node:url';

/** Communication step size, s. */
const STEP = 0.1;
/**
 * 1/s. Slow: x has 17 digits that change from step to step, and is no denormal number after 10^8 steps, for which
 * processors and printf take many times as long.
 */
const DECAY = 1e-6;
/** What goes round in the loop; nothing in it changes the value. */
const LOOPED = 0.123456789012345;
const TOLERANCE = 1e-6;

const archive = (name) => fileURLToPath(new URL(`../../build/fmus/${name}.fmu`, import.meta.url));
const dahlquist = (index) => ({
  name: `c${index}`,
  fmu: archive('dahlquist'),
  output: 'x',
  start: { k: DECAY },
});
const feedthrough = (index, source, start = {}) => ({
  name: `c${index}`,
  fmu: archive('feedthrough'),
  output: 'real_out',
  input: 'real_in',
  source,
  start,
});

/** x after so many steps from 1, by Euler's method. */
const decayed = (steps) => (1 - DECAY * STEP) ** Math.max(steps, 0);

export function chain(length) {
  return {
    name: `chain${length}`,
    step: STEP,
    components: Array.from({ length }, (_, i) => (i === 0 ? dahlquist(i) : feedthrough(i, i - 1))),
    // What the last one shows is as old as its master has it: up to one step a component.
    isResult: (steps, value) =>
      value > decayed(steps) * (1 - TOLERANCE) && value < decayed(steps - length) * (1 + TOLERANCE),
  };
}

export function loop(length) {
  return {
    name: `loop${length}`,
    step: STEP,
    components: Array.from({ length }, (_, i) =>
      i === 0 ? feedthrough(0, length - 1, { real_in: LOOPED }) : feedthrough(i, i - 1),
    ),
    // A master that passes no values on before the first step has it go round together with the 0 of the others.
    isResult: (_, value) => value === LOOPED || value === 0,
  };
}

export function instances(length) {
  return {
    name: `start-${length}`,
    step: STEP,
    components: Array.from({ length }, (_, i) => dahlquist(i)),
    isResult: (steps, value) => Math.abs(value - decayed(steps)) < TOLERANCE,
  };
}

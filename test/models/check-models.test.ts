/** What spin says of the models of ring, waiting and shutdown: they hold in every interleaving, and their faults show. */
import { expect, it } from 'vitest';
import { check, checks, spinAvailable } from '../../tools/check-models.mjs';
import { mustNotSkip } from '../support/rabbitmq.js';

const available = await spinAvailable();
if (!available && mustNotSkip) throw new Error('no spin: install it (Debian: apt install spin)');

const named = checks.map((model) => [model.name, model] as const);
it.skipIf(!available).each(named)('%s', { timeout: 120_000 }, async (_, model) => {
  const { holds, states, found } = await check(model);
  expect({ holds, found }).toEqual(model.holds ? { holds: true, found: undefined } : { holds: false, found });
  expect(states).toBeGreaterThan(model.holds ? 10_000 : 0);
});

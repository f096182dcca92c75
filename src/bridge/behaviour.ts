/** RMQFMU 0, 1 or 2; `complete`: a step takes the newest sample of its time once a later one proves that it is. */
export type Behaviour = 0 | 1 | 2 | 'complete';

/** As the shim and the parameter `config.behaviour` number them. */
export function behaviourNumber(behaviour: Behaviour): 0 | 1 | 2 | 3 {
  return behaviour === 'complete' ? 3 : behaviour;
}

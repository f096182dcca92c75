/** Waits until `condition` holds; the thread is free meanwhile. Throws where that takes too long. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'it',
  withinMs = 10_000,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`waited ${withinMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

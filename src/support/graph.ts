/** Directed graphs as lists of followers by node. */

/**
 * The strongly connected parts (R. Tarjan, Depth-first search and linear graph algorithms, 1972), a part before all that
 * it has edges to; the nodes of a part in rising order. Without recursion: chains may be long.
 */
export function stronglyConnectedParts(followers: readonly (readonly number[])[]): number[][] {
  const count = followers.length;
  const order = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const isOpen = new Uint8Array(count);
  const open: number[] = [];
  const parts: number[][] = [];
  let visited = 0;
  const enter = (node: number) => {
    order[node] = low[node] = visited++;
    isOpen[node] = 1;
    open.push(node);
  };
  for (let root = 0; root < count; root++) {
    if (order[root]! >= 0) continue;
    const path: { node: number; next: number }[] = [{ node: root, next: 0 }];
    enter(root);
    while (path.length > 0) {
      const at = path[path.length - 1]!;
      const follower = followers[at.node]![at.next++];
      if (follower !== undefined) {
        if (order[follower]! < 0) {
          enter(follower);
          path.push({ node: follower, next: 0 });
        } else if (isOpen[follower] === 1) low[at.node] = Math.min(low[at.node]!, order[follower]!);
        continue;
      }
      path.pop();
      const parent = path[path.length - 1];
      if (parent !== undefined) low[parent.node] = Math.min(low[parent.node]!, low[at.node]!);
      if (low[at.node] !== order[at.node]) continue;
      const part = open.splice(open.lastIndexOf(at.node));
      for (const node of part) isOpen[node] = 0;
      parts.push(part.sort((a, b) => a - b));
    }
  }
  // Tarjan finds a part after all that it has edges to.
  return parts.reverse();
}

/** A shortest way from a node of `within` back to itself, each node once, the first not repeated at the end. */
export function shortestCycle(followers: readonly (readonly number[])[], within: readonly number[]): number[] {
  const inside = new Set(within);
  const [start] = within;
  if (start === undefined) return [];
  const cameFrom = new Map<number, number>();
  const queue = [start];
  for (let i = 0; i < queue.length; i++) {
    for (const follower of followers[queue[i]!]!) {
      if (follower === start) {
        const way: number[] = [];
        for (let node = queue[i]!; node !== start; node = cameFrom.get(node)!) way.push(node);
        return [start, ...way.reverse()];
      }
      if (!inside.has(follower) || cameFrom.has(follower)) continue;
      cameFrom.set(follower, queue[i]!);
      queue.push(follower);
    }
  }
  return [];
}

/**
 * The nodes of `within` in an order in which each comes after those that lead to it, but for `guessed`: they are led to by
 * nodes that come later, and break all cycles.
 */
export function breakCycles(
  followers: readonly (readonly number[])[],
  within: readonly number[],
): { readonly order: readonly number[]; readonly guessed: ReadonlySet<number> } {
  const inside = new Set(within);
  const state = new Map<number, 'open' | 'done'>();
  const order: number[] = [];
  const guessed = new Set<number>();
  for (const root of within) {
    if (state.has(root)) continue;
    const path: { node: number; next: number }[] = [{ node: root, next: 0 }];
    state.set(root, 'open');
    while (path.length > 0) {
      const at = path[path.length - 1]!;
      const follower = followers[at.node]![at.next++];
      if (follower === undefined) {
        path.pop();
        state.set(at.node, 'done');
        order.push(at.node);
      } else if (state.get(follower) === 'open') guessed.add(follower);
      else if (inside.has(follower) && !state.has(follower)) {
        state.set(follower, 'open');
        path.push({ node: follower, next: 0 });
      }
    }
  }
  return { order: order.reverse(), guessed };
}

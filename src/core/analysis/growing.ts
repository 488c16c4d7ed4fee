// What is computed from lists that grow at their end, as evidence does look by look, without beginning anew at each look.
//
// A result never depends on what is remembered: it is what a computation from the start gives, bit for bit, because it is the same one, gone
// on with. Lists and states are never changed once made, so that the beginning of a list is the same if its items are.

/** Stands for the evidence of one check: what was computed of it is kept for as long as this object is. A fresh one remembers nothing. */
export type Memory = object;

interface Past<State> {
  readonly basis: readonly unknown[];
  readonly lists: readonly (readonly unknown[])[];
  readonly state: State;
}

/**
 * The state after all items of `lists`, which are equally long. `extend` goes on from the state after the items before the place `from`.
 * `basis`: everything else that the state depends on. It and the items are compared by identity; if anything differs all starts anew.
 */
export type Growing<State> = (
  memory: Memory,
  basis: readonly unknown[],
  lists: readonly (readonly unknown[])[],
  start: () => State,
  extend: (before: State, from: number) => State,
) => State;

/** One computation, which remembers its newest state for each memory. */
export function growing<State>(): Growing<State> {
  const known = new WeakMap<Memory, Past<State>>();
  return (memory, basis, lists, start, extend) => {
    const past = known.get(memory);
    const hasSameBasis = past?.lists.length === lists.length && isSame(past.basis, basis);
    const goesOn = hasSameBasis && past.lists.every((list, place) => begins(lists[place] ?? [], list));
    const from = goesOn ? lengthOf(past.lists) : 0;
    const before = goesOn ? past.state : start();
    const state = from === lengthOf(lists) ? before : extend(before, from);
    known.set(memory, { basis, lists, state });
    return state;
  };
}

/** `items.flatMap(make)`, of which only the new end is made. */
export type GrowingFlatMap<Item, Made> = (
  memory: Memory,
  basis: readonly unknown[],
  items: readonly Item[],
  make: (item: Item) => readonly Made[],
) => readonly Made[];

export function growingFlatMap<Item, Made>(): GrowingFlatMap<Item, Made> {
  const grow = growing<readonly Made[]>();
  return (memory, basis, items, make) =>
    grow(memory, basis, [items], () => [], (before, from) => [...before, ...items.slice(from).flatMap(make)]);
}

function lengthOf(lists: readonly (readonly unknown[])[]): number {
  return lists[0]?.length ?? 0;
}

function isSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && begins(one, other);
}

function begins(list: readonly unknown[], beginning: readonly unknown[]): boolean {
  if (list === beginning) return true;
  if (list.length < beginning.length) return false;
  for (let place = 0; place < beginning.length; place += 1) if (!Object.is(list[place], beginning[place])) return false;
  return true;
}

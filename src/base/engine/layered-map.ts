/** Marks a key that an upper layer took away. */
const gone = Symbol('gone');

type Layer<V> = Map<string, V | typeof gone>;

/**
 * A map that forks in constant time: both sides share what stood in it as frozen layers and write into layers of their
 * own. Layers are merged when the upper one has half the size of the lower, so there are few of them and a fork costs
 * what was written since the last one. `undefined` is no value.
 */
export class LayeredMap<V extends {} | null> {
  #own: Layer<V>;
  /** Shared with forks, hence never written; the newest last. */
  #shared: readonly Layer<V>[];
  #size: number;

  constructor(own: Map<string, V> = new Map(), shared: readonly Layer<V>[] = [], size = own.size) {
    this.#own = own;
    this.#shared = shared;
    this.#size = size;
  }

  /** Number of keys. */
  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const own = this.#own.get(key);
    if (own !== undefined) return own === gone ? undefined : own;
    for (let i = this.#shared.length - 1; i >= 0; i--) {
      const value = this.#shared[i]?.get(key);
      if (value !== undefined) return value === gone ? undefined : value;
    }
    return undefined;
  }

  set(key: string, value: V): void {
    if (this.get(key) === undefined) this.#size++;
    this.#own.set(key, value);
  }

  delete(key: string): void {
    if (this.get(key) === undefined) return;
    this.#size--;
    if (this.#shared.length === 0) this.#own.delete(key);
    else this.#own.set(key, gone);
  }

  /** The keys and values, in no order that matters. */
  *entries(): Generator<[string, V]> {
    const layers = [this.#own, ...this.#shared.toReversed()];
    const seen = new Set<string>();
    for (const layer of layers) {
      for (const [key, value] of layer) {
        if (seen.has(key)) continue;
        if (layers.length > 1) seen.add(key);
        if (value !== gone) yield [key, value];
      }
    }
  }

  /** A map with the same content; from now on neither side sees what the other writes. */
  fork(): LayeredMap<V> {
    if (this.#own.size > 0) {
      this.#shared = merged([...this.#shared, this.#own]);
      this.#own = new Map();
    }
    return new LayeredMap(new Map(), this.#shared, this.#size);
  }
}

function merged<V>(layers: Layer<V>[]): Layer<V>[] {
  for (;;) {
    const upper = layers.at(-1);
    const lower = layers.at(-2);
    if (upper === undefined || lower === undefined || upper.size * 2 < lower.size) return layers;
    const both = [...new Map([...lower, ...upper])];
    layers.splice(-2, 2, new Map(layers.length > 2 ? both : both.filter(([, value]) => value !== gone)));
  }
}

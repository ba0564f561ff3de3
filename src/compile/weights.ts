const largestSum = 4_294_967_295;

/** Weights in the same proportion whose sum Envoy can hold; whoever has a share keeps one. */
export function boundedWeights(weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum <= largestSum) return weights;
  const room = largestSum - weights.length;
  return weights.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.floor((weight / sum) * room))));
}

export { defineIndex, defineInput, defineQuery } from './definitions.ts';
export type { Index, Input, InputOptions, Query, QueryKey, QueryOptions, Read } from './definitions.ts';
export { createEngine } from './engine.ts';
export type { Demand, Engine, EngineOptions, EngineStats } from './engine.ts';
export type { ReadEdge } from './inspect.ts';
export { keyText } from './key.ts';
export { cellText, failureCells, QueryFailure } from './outcome.ts';
export type { CellName, Failure, Outcome, Success } from './outcome.ts';
export type { Transaction } from './transaction.ts';

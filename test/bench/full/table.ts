/** The printed table: each figure with its spread over processes, beside its goal and whether that is met. */
import { figure } from '../statistics.js';

/** Ratios are peer / ours: larger is better. Times and memory: smaller is better. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** @param samples of each process one, none if it was not run */
export function row(name: string, samples: readonly number[], unit: string, goal?: Goal): void {
  if (samples.length === 0) {
    console.log(`${name.padEnd(62)} not run${goal ? `${' '.repeat(30)}goal ${text(goal)}` : ''}`);
    return;
  }
  const { median, min, max } = figure(samples);
  const spread = `(${digits(min)}…${digits(max)})`;
  const line = `${name.padEnd(62)} ${digits(median).padStart(7)} ${unit.padEnd(8)} ${spread.padEnd(18)}`;
  console.log(goal ? `${line} goal ${text(goal)}: ${isMet(goal, median) ? 'met' : 'MISSED'}` : line.trimEnd());
}

export function heading(text_: string): void {
  console.log(`\n${text_}`);
}

function isMet(goal: Goal, value: number): boolean {
  return 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost;
}

function text(goal: Goal): string {
  return 'atLeast' in goal ? `≥ ${digits(goal.atLeast)}` : `≤ ${digits(goal.atMost)}`;
}

function digits(x: number): string {
  const size = Math.abs(x);
  if (Number.isInteger(x)) return String(x);
  return x.toFixed(size < 1 ? 2 : size < 20 ? 1 : 0);
}

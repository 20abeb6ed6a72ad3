/** Figures are medians with their spread, because machines are shared and their speed drifts. */

export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median, smallest and largest of the samples; at least one is needed. */
export function figure(samples: readonly number[]): Figure {
  const sorted = [...samples].sort((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  const min = sorted[0];
  const max = sorted.at(-1);
  if (low === undefined || high === undefined || min === undefined || max === undefined) {
    throw new Error('a figure needs a sample');
  }
  return { median: (low + high) / 2, min, max };
}

/** Whether a figure's median meets a goal, `≤ N` or `≥ N`. */
export function verdict({ median }: Figure, goal: string): 'met' | 'missed' {
  const [, sign, bound] = /^([≤≥]) ([\d.]+)/u.exec(goal) ?? [];
  if (sign === undefined || bound === undefined) throw new Error(`no goal: ${goal}`);
  return (sign === '≤' ? median <= Number(bound) : median >= Number(bound)) ? 'met' : 'missed';
}

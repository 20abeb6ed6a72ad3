/** Whether a provider computes what the CPU computes: nothing is trusted that was not compared. */
import { constants, setPriority } from 'node:os';
import type { PackDType } from '@clipcap/models/pack/manifest';
import { openPack } from '@clipcap/models/pack/openPack';
import { CaptionError } from '@clipcap/protocol/error';
import type { TrialResult } from '@clipcap/protocol/provider';
import { probe, type Probe } from './probe.js';
import { chooseProvider, type Provider } from './provider.js';

/**
 * The largest difference from the CPU, as a share of the CPU's largest absolute value in the tensor. Graphics processors
 * multiply in 19 or 16 bit where they may, which moves results by some thousandths; a wrong kernel moves them by tenths.
 */
const tolerance = 0.01;
/**
 * With matrices in blocks of 8 or 4 bit it is the CPU that is less exact: its operator rounds activations to 8 bit, too,
 * which moved small models by 2 %.
 */
const toleranceOfBlocks = 0.05;

export function toleranceOf(dtype: PackDType): number {
  return dtype === 'q8' || dtype === 'q4' ? toleranceOfBlocks : tolerance;
}

/**
 * Runs the pack in `folder` on `provider` and, if that works, on the CPU. Meant for a process of its own, whose
 * priority it lowers.
 * @param begins told where the pack is about to run; awaited, because a provider may block its thread
 * @throws CaptionError what is wrong with the pack, or kept the CPU from running it
 */
export async function tryProvider(
  folder: string,
  provider: Provider,
  begins: (on: Provider) => Promise<void>,
): Promise<TrialResult> {
  // Someone is captioning meanwhile.
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const pack = await openPack(folder);
  return compareWithCpu(provider, toleranceOf(pack.manifest.dtype), async (on) => {
    await begins(on);
    return probe(pack, chooseProvider(on));
  });
}

/** The trial with any way of running a pack. The provider comes first: one without a device has ended by then. */
export async function compareWithCpu(
  provider: Provider,
  tolerated: number,
  run: (on: Provider) => Promise<Probe>,
): Promise<TrialResult> {
  let candidate: Probe;
  try {
    candidate = await run(provider);
  } catch (error) {
    return { outcome: 'refused', reason: readableReason(error) };
  }
  const reference = await run('cpu');
  const reason = disagreement(candidate, reference, tolerated);
  if (reason !== undefined) return { outcome: 'refused', reason };
  return { outcome: 'agrees', milliseconds: candidate.milliseconds, cpuMilliseconds: reference.milliseconds };
}

/** Says where two runs differ by more than the tolerance. */
function disagreement(candidate: Probe, reference: Probe, tolerated: number): string | undefined {
  const tensors: readonly (readonly [name: string, values: Float32Array, expected: Float32Array])[] = [
    ['image embedding differs', candidate.embedding, reference.embedding],
    ['prefix differs', candidate.prefix, reference.prefix],
    ['nearest words differ', candidate.nearest, reference.nearest],
    ...reference.logits.map(
      (expected, step) => [`logits of step ${step + 1} differ`, candidate.logits[step]!, expected] as const,
    ),
  ];
  for (const [whatDiffers, values, expected] of tensors) {
    const difference = relativeDifference(values, expected);
    if (!(difference <= tolerated)) {
      const share = Number.isFinite(difference)
        ? `${(100 * difference).toPrecision(2)} %`
        : 'no number or shape of its';
      return `its ${whatDiffers} from the CPU’s (${share}; ${100 * tolerated} % is allowed)`;
    }
  }
  return undefined;
}

/** Largest difference over largest absolute value; not finite if a value is not or the sizes differ. */
function relativeDifference(values: Float32Array, expected: Float32Array): number {
  if (values.length !== expected.length) return NaN;
  let difference = 0;
  let scale = 0;
  for (const [i, value] of values.entries()) {
    if (!Number.isFinite(value)) return NaN;
    difference = Math.max(difference, Math.abs(value - expected[i]!));
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return difference === 0 ? 0 : difference / scale;
}

/** Messages of the runtime begin with a place in its sources and may run over many lines. */
function readableReason(error: unknown): string {
  const cause = error instanceof CaptionError ? innermost(error) : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  const [line = ''] = message.trim().split('\n');
  const said = /\bwas false\.\s*(.*)$/u.exec(line)?.[1] ?? line.replace(/^\/\S+:\d+\s/u, '');
  return said.slice(0, 300);
}

function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error;
}

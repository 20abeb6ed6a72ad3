/**
 * Decoding after the encoder, against PyTorch: as ClipCap's reference does it (the whole sequence again at every step),
 * and with a cache of keys and values. Ours and theirs run by turns; a ratio is of runs that follow each other.
 */
import { type Peer, startPeer } from './peer.js';
import { Samples, tokens, type Setting } from './setting.js';
import { withWorkers, type Ask } from './startWorker.js';
import { heading, row } from './table.js';

const rounds = 3;

const dtypes = ['fp32', 'q8'] as const;
const searches = [
  { name: 'greedy', beams: 1, batches: [4, 8, 16], perImage: 14 },
  { name: 'beam 5', beams: 5, batches: [4, 8, 16], perImage: 20 },
] as const;
type Search = (typeof searches)[number];

/** How many times as fast as PyTorch: the whole sequence again, with a cache. */
const goals = {
  'greedy fp32': [5, 1.8],
  'greedy q8': [10, 3.5],
  'beam 5 fp32': [8.5, 2],
  'beam 5 q8': [14, 3.2],
} as const;

export async function measureDecoding({ processes, python, packs, prefixes }: Setting): Promise<void> {
  const samples = new Samples();
  for (let process = 0; process < processes; process++) {
    const peer = await startPeer(python, packs.fp32, prefixes);
    await withWorkers({ fp32: packs.fp32, q8: packs.q8 }, prefixes, async (ask) => {
      // What the first runs take is not counted.
      await measureRound(ask, peer, new Samples());
      const ofProcess = new Samples();
      for (let round = 0; round < rounds; round++) await measureRound(ask, peer, ofProcess);
      samples.addMedians(ofProcess);
    });
    await peer?.end();
  }
  print(samples);
}

async function measureRound(
  ask: Ask<(typeof dtypes)[number]>,
  peer: Peer | undefined,
  samples: Samples,
): Promise<void> {
  for (const search of searches) {
    const { name, beams } = search;
    const whole = await peer?.run('whole', beams, tokens);
    const cached = await peer?.run('cached', beams, tokens);
    if (whole) samples.add(`PyTorch, ${name}, whole sequence`, whole.milliseconds);
    if (cached) samples.add(`PyTorch, ${name}, cache`, cached.milliseconds);
    for (const dtype of dtypes) {
      const ours = await ask(dtype, { run: 'decode', images: 1, beams, tokens });
      samples.add(`${name} ${dtype}`, ours.milliseconds);
      if (whole) samples.add(`whole / ${name} ${dtype}`, whole.milliseconds / ours.milliseconds);
      if (cached) samples.add(`cached / ${name} ${dtype}`, cached.milliseconds / ours.milliseconds);
      const theirs = whole?.tokens;
      if (theirs && dtype === 'fp32') {
        const equal = theirs.filter((id, place) => ours.tokens?.[0]?.[place] === id).length;
        samples.add(`equal ${name}`, equal);
      }
    }
    await measureBatches(search, ask, whole?.milliseconds, samples);
  }
}

async function measureBatches(
  { name, beams, batches }: Search,
  ask: Ask<'q8'>,
  whole: number | undefined,
  samples: Samples,
): Promise<void> {
  for (const images of batches) {
    const { milliseconds } = await ask('q8', { run: 'decode', images, beams, tokens });
    const figureName = `${name} q8, ${images} images at once`;
    samples.add(figureName, milliseconds / images);
    if (whole !== undefined) samples.add(`whole / ${figureName}`, (whole * images) / milliseconds);
  }
}

function print(samples: Samples): void {
  heading(`Decoding ${tokens} tokens after a prefix of 10`);
  for (const { name, batches, perImage } of searches) {
    for (const form of ['whole sequence', 'cache']) {
      row(`PyTorch, ${name}, ${form}`, samples.of(`PyTorch, ${name}, ${form}`), 'ms');
    }
    for (const dtype of dtypes) {
      const [whole, cached] = goals[`${name} ${dtype}`];
      row(`ours, ${name} ${dtype}`, samples.of(`${name} ${dtype}`), 'ms');
      row('  PyTorch, whole sequence / ours', samples.of(`whole / ${name} ${dtype}`), '×', { atLeast: whole });
      row('  PyTorch, cache / ours', samples.of(`cached / ${name} ${dtype}`), '×', { atLeast: cached });
    }
    row(`  tokens equal to PyTorch’s, ${name} fp32`, samples.of(`equal ${name}`), `of ${tokens}`);
    for (const images of batches) {
      const figureName = `${name} q8, ${images} images at once`;
      row(`ours, ${figureName}, for each`, samples.of(figureName), 'ms');
      // The goal is for the batch that measures best.
      row('  PyTorch, whole sequence / ours', samples.of(`whole / ${figureName}`), '×', { atLeast: perImage });
    }
  }
}

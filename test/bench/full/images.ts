/** What is beside decoding: the encoder, the nearest tokens, and many images at once. */
import { InferenceUnderTest } from '../inferenceUnderTest.js';
import { startPeer } from './peer.js';
import { Samples, tokens, type Setting } from './setting.js';
import { withWorkers } from './startWorker.js';
import { heading, row } from './table.js';

const rounds = 9;
/** Prefix rows whose nearest tokens are looked for, and how many of each. */
const [rows, count] = [40, 8];
const manyImages = 64;
/** Images that one run captions; what measures best counts. */
const batchSizes = [8, 16, 64];

export async function measureImages(setting: Setting): Promise<void> {
  const { processes, python, packs, prefixes, photos } = setting;
  const samples = new Samples();
  for (let process = 0; process < processes; process++) {
    const peer = await startPeer(python, packs.fp32, prefixes);
    const inference = new InferenceUnderTest(packs.fp32);
    const ofProcess = new Samples();
    await withWorkers({ fp32: packs.fp32 }, prefixes, async (ask) => {
      for (let round = 0; round <= rounds; round++) {
        const into = round === 0 ? new Samples() : ofProcess;
        const photo = photos[round % photos.length]!;
        const { image } = await inference.caption(photo, { strategy: 'greedy', maxTokens: 1 });
        const encoded = await peer?.run('encode');
        into.add('encode', image.timings.encode);
        const found = await ask('fp32', { run: 'nearest', rows, count });
        const nearest = await peer?.run('nearest', rows, count);
        into.add('nearest', found.milliseconds);
        if (encoded) into.add('PyTorch, encode', encoded.milliseconds);
        if (nearest) into.add('PyTorch, nearest', nearest.milliseconds);
        if (encoded) into.add('encode / PyTorch', image.timings.encode / encoded.milliseconds);
        if (nearest) into.add('nearest / PyTorch', found.milliseconds / nearest.milliseconds);
      }
    });
    await inference.end();
    await peer?.end();
    samples.addMedians(ofProcess);
  }
  heading('CLIP ViT-B/32, one image');
  row('ours', samples.of('encode'), 'ms');
  row('PyTorch', samples.of('PyTorch, encode'), 'ms');
  row('  ours / PyTorch', samples.of('encode / PyTorch'), '×', { atMost: 0.8 });
  heading(`Tokens nearest to ${rows} rows among 50,257, width 768`);
  row('ours', samples.of('nearest'), 'ms', { atMost: 60 });
  row('PyTorch', samples.of('PyTorch, nearest'), 'ms');
  row('  ours / PyTorch', samples.of('nearest / PyTorch'), '×', { atMost: 0.65 });
}

/** Encoder to caption for many images: in batches, and one by one. */
export async function measureManyImages({ processes, packs, prefixes }: Setting): Promise<void> {
  heading(`${manyImages} images from pixels to captions of ${tokens} tokens, greedy: throughput / that of one by one`);
  for (const dtype of ['fp32', 'q8'] as const) {
    const samples = new Samples();
    for (let process = 0; process < processes; process++) {
      await withWorkers({ worker: packs[dtype] }, prefixes, async (ask) => {
        const time = async (images: number, together: number): Promise<number> =>
          (await ask('worker', { run: 'caption', images, together, tokens })).milliseconds;
        await time(2, 1);
        const single = await time(manyImages, 1);
        samples.add('1', single / manyImages);
        for (const together of batchSizes) samples.add(String(together), single / (await time(manyImages, together)));
      });
    }
    row(`${dtype}, one by one, for each`, samples.of('1'), 'ms');
    for (const together of batchSizes) {
      row(`${dtype}, ${together} at once`, samples.of(String(together)), '×', { atLeast: 1.6 });
    }
  }
}

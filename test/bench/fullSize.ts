/**
 * Loads a pack of the official sizes and captions with it: `node test/out/bench/fullSize.js FOLDER DTYPE`. Prints the time
 * and resident memory of each step; the pack is written if the folder has none.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { openPack } from '@clipcap/models/pack/openPack';
import { beamSearch } from '@clipcap/server/inference/beamSearch';
import { Decoder } from '@clipcap/server/inference/decoder';
import { Encoder } from '@clipcap/server/inference/encoder';
import { NearestTokens } from '@clipcap/server/inference/interpret';
import { Mapper } from '@clipcap/server/inference/mapper';
import { gaussian } from '../randomPack.js';
import { writeFullSizePack } from './fullSizePack.js';

const [folder, dtype] = process.argv.slice(2);
if (folder === undefined || (dtype !== 'fp32' && dtype !== 'fp16' && dtype !== 'q8' && dtype !== 'q4')) {
  throw new Error('usage: fullSize.js FOLDER fp32|fp16|q8|q4');
}

async function timed<Result>(step: string, work: () => Promise<Result>): Promise<Result> {
  const start = performance.now();
  const result = await work();
  const { rss, external, arrayBuffers, heapUsed } = process.memoryUsage();
  const megabytes = [rss, heapUsed + external + arrayBuffers].map((bytes) => Math.round(bytes / 2 ** 20));
  const time = Math.round(performance.now() - start);
  console.log(`${step.padEnd(28)} ${time} ms, resident ${megabytes[0]} MB, JavaScript ${megabytes[1]} MB`);
  return result;
}

if (
  !(await access(join(folder, 'pack.json')).then(
    () => true,
    () => false,
  ))
) {
  await timed('write', () => writeFullSizePack(folder, dtype));
}
const pack = await timed('open (hashes)', () => openPack(folder));
const encoder = await timed('encoder session', () => Encoder.create(pack, 'cpu'));
const mapper = await timed('mapper session', () => Mapper.create(pack, 'cpu'));
const decoder = await timed('decoder session', () => Decoder.create(pack, 'cpu'));
const nearest = await timed('nearest-tokens session', () => NearestTokens.create(pack, 'cpu'));
const pixels = [Float32Array.from({ length: 3 * 224 * 224 }, gaussian(2))];
const { vocabulary } = pack.manifest.languageModel;
for (const round of ['first', 'second']) {
  const embeds = await timed(`encode, ${round}`, () => encoder.encode(pixels));
  const prefix = await timed(`map, ${round}`, () => mapper.map(embeds));
  for (const beams of [1, 5]) {
    const found = await timed(`20 tokens, ${beams} beams, ${round}`, async () => {
      const decoding = decoder.begin(prefix, 1);
      const options = { images: 1, beams, maxTokens: 20, vocabulary, stopTokens: [] };
      const captions = await beamSearch(decoding, options, async () => {});
      decoding.dispose();
      return captions;
    });
    if (!Number.isFinite(found[0]![0]!.score)) throw new Error('the score is not finite');
  }
  await timed(`nearest tokens, ${round}`, () => nearest.find(prefix, 8));
}
await Promise.all([encoder, mapper, decoder, nearest].map((part) => part.release()));

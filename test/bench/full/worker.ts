/**
 * Runs the steps of inference one at a time and says how long each took: in a process of its own, configured as the
 * inference process is. `worker.js PACK PREFIXES`; requests come over fork's channel (`WorkerRequest`).
 */
import { readFile } from 'node:fs/promises';
import { openPack } from '@clipcap/models/pack/openPack';
import { beamSearch } from '@clipcap/server/inference/beamSearch';
import { Decoder } from '@clipcap/server/inference/decoder';
import { NearestTokens } from '@clipcap/server/inference/interpret';
import { logProbOf, topLogProbs } from '@clipcap/server/inference/logProbs';
import { Model } from '@clipcap/server/inference/model';
import { chooseProvider } from '@clipcap/server/inference/provider';
import { gaussian } from '../../randomPack.js';

export type WorkerRequest =
  /** Captions of `tokens` tokens for the first `images` prefixes. */
  | { readonly run: 'decode'; readonly images: number; readonly beams: number; readonly tokens: number }
  /** The model's own opinion of given captions of the first prefixes, all of one length. */
  | { readonly run: 'judge'; readonly captions: readonly (readonly number[])[] }
  | { readonly run: 'nearest'; readonly rows: number; readonly count: number }
  /** Whole captions of random images, `together` at a time. */
  | { readonly run: 'caption'; readonly images: number; readonly together: number; readonly tokens: number };

export interface WorkerAnswer {
  readonly milliseconds: number;
  /** Of the best captions, one for each image. */
  readonly tokens?: readonly (readonly number[])[];
  /** Of a judged caption's tokens: how many are the model's own choice, and their log-probabilities summed. */
  readonly judged?: { readonly equal: number; readonly logProb: number };
}

const [folder, prefixFile] = process.argv.slice(2);
if (folder === undefined || prefixFile === undefined) throw new Error('usage: worker.js PACK PREFIXES');
const pack = await openPack(folder);
const provider = chooseProvider('cpu');
const { vocabulary, width } = pack.manifest.languageModel;
const prefixLength = pack.manifest.mapper.prefixLength * width;
const prefixes = new Float32Array((await readFile(prefixFile)).buffer);
/** Sessions are made when first asked for: each holds its weights in memory. */
const sessions: { decoder?: Decoder; nearest?: NearestTokens; model?: Model } = {};

const eventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function decode(images: number, beams: number, tokens: number): Promise<WorkerAnswer> {
  const decoder = (sessions.decoder ??= await Decoder.create(pack, provider));
  const start = performance.now();
  const decoding = decoder.begin(prefixes.slice(0, images * prefixLength), images);
  const options = { images, beams, maxTokens: tokens, vocabulary, stopTokens: [] };
  const found = await beamSearch(decoding, options, eventLoop);
  decoding.dispose();
  const milliseconds = performance.now() - start;
  return { milliseconds, tokens: found.map(([best]) => best!.tokens.map(({ id }) => id)) };
}

async function judge(captions: readonly (readonly number[])[]): Promise<WorkerAnswer> {
  const decoder = (sessions.decoder ??= await Decoder.create(pack, provider));
  const start = performance.now();
  const decoding = decoder.begin(prefixes.slice(0, captions.length * prefixLength), captions.length);
  const rows = captions.map((_, row) => row);
  let logits = await decoding.first();
  let equal = 0;
  let logProb = 0;
  const length = captions[0]?.length ?? 0;
  for (let place = 0; place < length; place++) {
    const given = captions.map((caption) => caption[place]!);
    for (const row of rows) {
      if (topLogProbs(logits, row, vocabulary, 1)[0]?.id === given[row]) equal++;
      logProb += logProbOf(logits, row, vocabulary, given[row]!);
    }
    if (place < length - 1) logits = await decoding.next(rows, given);
  }
  decoding.dispose();
  return { milliseconds: performance.now() - start, judged: { equal, logProb } };
}

async function nearest(rows: number, count: number): Promise<WorkerAnswer> {
  const session = (sessions.nearest ??= await NearestTokens.create(pack, provider));
  const wanted = prefixes.slice(0, rows * width);
  const start = performance.now();
  await session.find(wanted, count);
  return { milliseconds: performance.now() - start };
}

async function captionImages(images: number, together: number, tokens: number): Promise<WorkerAnswer> {
  const model = (sessions.model ??= await Model.load(pack.folder, 'cpu'));
  const { size } = pack.manifest.encoder.image;
  const random = gaussian(3);
  const pixels = Array.from({ length: images }, () => Float32Array.from({ length: 3 * size * size }, random));
  const options = { strategy: 'greedy', minTokens: tokens, maxTokens: tokens } as const;
  const start = performance.now();
  for (let first = 0; first < images; first += together) {
    await model.caption(pixels.slice(first, first + together), options, eventLoop);
  }
  return { milliseconds: performance.now() - start };
}

function answer(request: WorkerRequest): Promise<WorkerAnswer> {
  if (request.run === 'decode') return decode(request.images, request.beams, request.tokens);
  if (request.run === 'judge') return judge(request.captions);
  if (request.run === 'nearest') return nearest(request.rows, request.count);
  return captionImages(request.images, request.together, request.tokens);
}

process.on('message', (request: WorkerRequest) => {
  void answer(request).then((found) => process.send?.(found));
});
process.once('disconnect', () => process.exit());
process.send?.('ready');

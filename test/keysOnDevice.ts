/**
 * Run by a test in a process of its own, because a renderer is found at a process's start: two steps of a pack's decoder on
 * WebGPU. Prints where the keys and values that each run is given lie.
 */
import { openPack } from '@clipcap/models/pack/openPack';
import { Decoder } from '@clipcap/server/inference/decoder';
import { createSession } from '@clipcap/server/inference/provider';
import { recordingFeeds } from './recordingFeeds.js';

const pack = await openPack(process.argv[2]!);
const { languageModel, mapper } = pack.manifest;
const { open, runs } = recordingFeeds((graph, kept) => createSession(graph, 'webgpu', pack.folder, kept));
const decoder = await Decoder.create(pack, 'webgpu', open);
const decoding = decoder.begin(new Float32Array(mapper.prefixLength * languageModel.width).fill(0.5), 1);
await decoding.first();
await decoding.next([0, 0], [1, 2]);
await decoding.next([1, 0], [3, 4]);
decoding.dispose();
await decoder.release();
const places = runs.map((feeds) => {
  const pasts = Object.entries(feeds).filter(([name]) => name.startsWith('past_'));
  return Array.from(new Set(pasts.map(([, { location }]) => location)));
});
process.stdout.write(JSON.stringify(places));

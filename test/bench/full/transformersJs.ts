/** `transformersJs.js FOLDER MODEL TOKENS`: captions the photos whose paths it is sent, answers milliseconds. */
import { env, pipeline } from '@xenova/transformers';

const [folder, model, tokens] = process.argv.slice(2);
if (folder === undefined || model === undefined) throw new Error('usage: transformersJs.js FOLDER MODEL TOKENS');
env.allowRemoteModels = false;
env.localModelPath = folder;
env.useFSCache = false;

const captioner = await pipeline('image-to-text', model, { dtype: 'fp32', device: 'cpu' });

async function caption(photo: string): Promise<number> {
  const start = performance.now();
  await captioner(photo, { min_new_tokens: Number(tokens), max_new_tokens: Number(tokens) });
  return performance.now() - start;
}

process.on('message', (photo: string) => {
  void caption(photo).then((milliseconds) => process.send?.(milliseconds));
});
process.once('disconnect', () => process.exit());

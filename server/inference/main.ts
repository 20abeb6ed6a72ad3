/**
 * The inference process: answers requests of the parent that forked it, and ends with it. It opens no file but those
 * of model packs, whole or being made.
 */
import { env } from 'onnxruntime-node';
import { fileURLToPath } from 'node:url';
import { createMessageConnection } from 'vscode-jsonrpc';
import { IPCMessageReader, IPCMessageWriter } from 'vscode-jsonrpc/node';
import { toResponseError } from '@clipcap/protocol/error';
import {
  captionGrown,
  captionImage,
  checkModel,
  computeLens,
  embedTexts,
  encodeImage,
  loadModel,
  measurePrefixes,
  modelState,
  pictureOfImage,
  prioritise,
  runtimeInfo,
  trialRuns,
  tryProvider,
} from '@clipcap/protocol/inference';
import { inspect } from './decode.js';
import { embedTexts as runTexts } from './embedTexts.js';
import { Lens } from './lens/lens.js';
import { Model } from './model.js';
import { builtProviders } from './provider.js';
import { withRemedy } from './remedy.js';
import { ResidentModel } from './residentModel.js';
import { Scheduler } from './scheduler.js';
import { prefixesOf, selfCheck, shortCaption } from './selfCheck.js';
import { tryProvider as runTrial } from './trial.js';

/** Beside the bundle that this becomes. */
const builtin = fileURLToPath(new URL('../models/builtin', import.meta.url));

const connection = createMessageConnection(new IPCMessageReader(process), new IPCMessageWriter(process));

const resident = new ResidentModel(
  (folder, provider) =>
    Model.load(folder, provider).catch((error: unknown) => {
      throw withRemedy(error, folder, builtin);
    }),
  (state) => {
    // A parent that is gone needs no news.
    connection.sendNotification(modelState, state).catch(() => undefined);
  },
);
const scheduler = new Scheduler(resident, inspect);
const lens = new Lens(resident, inspect);

connection.onRequest(captionImage, (params, token) => {
  const { progress } = params;
  const grown = (text: string): void => {
    if (progress !== undefined) connection.sendProgress(captionGrown, progress, text).catch(() => undefined);
  };
  return scheduler
    .caption(params, token, progress === undefined ? undefined : grown)
    .catch((error: unknown) => respond(withRemedy(error, params.model, builtin)));
});
connection.onNotification(prioritise, ({ key, priority }) => {
  scheduler.prioritise(key, priority);
});
connection.onRequest(encodeImage, (params, token) =>
  lens.encode(params, token).catch((error: unknown) => respond(withRemedy(error, params.model, builtin))),
);
connection.onRequest(pictureOfImage, (params, token) => lens.picture(params, token).catch(respond));
connection.onRequest(computeLens, (params, token) =>
  lens.compute(params, token).catch((error: unknown) => respond(withRemedy(error, params.model, builtin))),
);
connection.onRequest(loadModel, (params) => scheduler.load(params).catch(respond));
connection.onRequest(tryProvider, ({ model, provider }) =>
  runTrial(model, provider, (on) => connection.sendNotification(trialRuns, on)).catch(respond),
);
connection.onRequest(checkModel, async ({ model, image }) => {
  try {
    const check = await selfCheck(model, image);
    if (!image || !check.finite) return check;
    return {
      ...check,
      caption: await resident.use({ model, provider: 'cpu' }, (loaded) => shortCaption(loaded, image)),
    };
  } catch (error) {
    return respond(error);
  }
});
connection.onRequest(embedTexts, (params) => runTexts(params).catch(respond));
connection.onRequest(measurePrefixes, ({ model, images }) =>
  resident.use({ model, provider: 'cpu' }, (loaded) => prefixesOf(loaded, images)).catch(respond),
);
connection.onRequest(runtimeInfo, () => ({
  version: env.versions.node ?? '',
  providers: builtProviders(),
  memory: process.memoryUsage.rss(),
}));

function respond(error: unknown): never {
  throw toResponseError(error);
}

process.once('disconnect', () => process.exit());
// Ctrl-C in a terminal, and its end, reach the whole group of processes: when to end is for the parent to say.
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => undefined);

connection.listen();

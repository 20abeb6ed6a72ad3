/**
 * The inference process: answers requests of the parent that forked it, and ends with it. It opens no file but those
 * of model packs.
 */
import { fileURLToPath } from 'node:url';
import { createMessageConnection } from 'vscode-jsonrpc';
import { IPCMessageReader, IPCMessageWriter } from 'vscode-jsonrpc/node';
import { toResponseError } from '@clipcap/protocol/error';
import { captionImage, loadModel, modelState, prioritise } from '@clipcap/protocol/inference';
import { inspect } from './decode.js';
import { Model } from './model.js';
import { withRemedy } from './remedy.js';
import { ResidentModel } from './residentModel.js';
import { type CaptionModel, Scheduler } from './scheduler.js';

/** Beside the bundle that this becomes. */
const builtin = fileURLToPath(new URL('../models/builtin', import.meta.url));

const connection = createMessageConnection(new IPCMessageReader(process), new IPCMessageWriter(process));

const resident = new ResidentModel<CaptionModel>(
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

connection.onRequest(captionImage, (params, token) =>
  scheduler.caption(params, token).catch((error: unknown) => respond(withRemedy(error, params.model, builtin))),
);
connection.onNotification(prioritise, ({ key, priority }) => {
  scheduler.prioritise(key, priority);
});
connection.onRequest(loadModel, (params) => scheduler.load(params).catch(respond));

function respond(error: unknown): never {
  throw toResponseError(error);
}

process.once('disconnect', () => process.exit());
// Ctrl-C in a terminal reaches the whole group of processes: when to end is for the parent to say.
process.on('SIGINT', () => undefined);

connection.listen();

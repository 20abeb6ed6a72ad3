/**
 * The language server's process: `--node-ipc` as the extension starts it, `--stdio` for any other editor. It finds the
 * inference process and the built-in pack beside itself.
 */
import { fileURLToPath } from 'node:url';
import { ProposedFeatures, createConnection } from 'vscode-languageserver/node';
import { InferenceProcess } from '../process/inferenceProcess.js';
import { startServer } from './server.js';

const connection = createConnection(ProposedFeatures.all);

startServer(connection, {
  builtin: fileURLToPath(new URL('../models/builtin', import.meta.url)),
  createInference: (idleMilliseconds) =>
    new InferenceProcess({
      entry: fileURLToPath(new URL('./inference.mjs', import.meta.url)),
      // Read whenever the process has nothing left to do, so that a changed setting counts from then on.
      get idleMilliseconds() {
        return idleMilliseconds();
      },
      log: (level, message) => {
        connection.console[level](message);
      },
    }),
});

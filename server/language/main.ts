/**
 * The language server's process: `--node-ipc` as the extension starts it, `--stdio` for any other editor. It finds the
 * inference process and the built-in pack beside itself. `--storage FOLDER` is where it keeps what it learns of the
 * machine; without it, the user's cache folder.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ProposedFeatures, createConnection } from 'vscode-languageserver/node';
import { createInference } from '../process/createInference.js';
import { defaultVerdictsFile, verdictsFile } from '../process/verdicts.js';
import { startServer } from './server.js';

const connection = createConnection(ProposedFeatures.all);

const { storage } = parseArgs({ options: { storage: { type: 'string' } }, strict: false }).values;

startServer(connection, {
  builtin: fileURLToPath(new URL('../models/builtin', import.meta.url)),
  reportScript: fileURLToPath(new URL('./report.js', import.meta.url)),
  createInference: (idleMilliseconds) =>
    createInference({
      verdicts: typeof storage === 'string' ? join(storage, verdictsFile) : defaultVerdictsFile(),
      switches: true,
      process: {
        entry: fileURLToPath(new URL('./inference.mjs', import.meta.url)),
        // Read whenever the process has nothing left to do, so that a changed setting counts from then on.
        get idleMilliseconds() {
          return idleMilliseconds();
        },
        log: (level, message) => {
          connection.console[level](message);
        },
      },
    }),
});

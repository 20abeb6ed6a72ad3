/** `clipcap doctor`: what captions are made with on this machine, and why something is not used. */
import { freemem, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { openPack } from '@clipcap/models/pack/openPack';
import { fromResponseError } from '@clipcap/protocol/error';
import { loadModel, runtimeInfo, type RuntimeInfo } from '@clipcap/protocol/inference';
import { createChoice } from '../process/createInference.js';
import { automatic, type ProviderChoice } from '../process/providerChoice.js';
import { defaultVerdictsFile } from '../process/verdicts.js';
import type { DoctorDocument, PackFailure, PackReport } from './doctorDocument.js';
import { describeDoctor } from './doctorText.js';
import { inOwnProcess, type Step } from './inOwnProcess.js';
import { interruptedExitCode, onInterruption } from './interruption.js';
import type { Places } from './places.js';

export interface DoctorRequest {
  /** Folders of packs besides the built-in one. */
  readonly packs: readonly string[];
  /** Whether to forget what is known of the providers. */
  readonly retry: boolean;
  readonly json: boolean;
}

/** Where the inference process ends by itself. */
const remedy = 'Reinstall ClipCap Lens if it stays so.';

/** Prints the report and answers the exit code: 0 if every pack that was asked about can caption. */
export async function doctor(request: DoctorRequest, places: Places, clipcap: string): Promise<number> {
  const stop = new AbortController();
  const ignore = onInterruption(() => stop.abort());
  try {
    const choice = createChoice(places.inference, defaultVerdictsFile(), stop.signal);
    if (request.retry) await choice.forget();
    const step = { entry: places.inference, signal: stop.signal, doing: 'started', remedy };
    const runtime = await inOwnProcess(step, (connection) => connection.sendRequest(runtimeInfo));
    const packs: (PackReport | PackFailure)[] = [];
    for (const folder of [places.builtin, ...request.packs.map((pack) => resolve(pack))]) {
      packs.push(await examine(folder, choice, { ...step, doing: 'loaded the pack' }));
      if (stop.signal.aborted) return interruptedExitCode;
    }
    const document: DoctorDocument = {
      version: 1,
      ok: packs.every((pack) => !('error' in pack)),
      versions: {
        clipcap,
        node: process.versions.node,
        onnxruntime: runtime.version,
        platform: `${process.platform}-${process.arch}`,
      },
      memory: { total: totalmem(), free: freemem() },
      built: runtime.providers,
      packs,
    };
    process.stdout.write(request.json ? `${JSON.stringify(document, null, 2)}\n` : describeDoctor(document));
    return document.ok ? 0 : 3;
  } catch (cause) {
    if (stop.signal.aborted) return interruptedExitCode;
    const { code, message } = fromResponseError(cause);
    process.stderr.write(`${message}\n`);
    if (request.json) process.stdout.write(`${JSON.stringify({ version: 1, error: { code, message } }, null, 2)}\n`);
    return 3;
  } finally {
    ignore();
  }
}

/** Verifies a pack, tries every provider of this platform with it, and loads it on the one that `auto` takes. */
async function examine(folder: string, choice: ProviderChoice, step: Step): Promise<PackReport | PackFailure> {
  try {
    const { manifest } = await openPack(folder);
    for (const { provider, state } of await choice.verdicts(folder)) {
      if (state === 'untried') await choice.prove(folder, provider);
    }
    const providers = await choice.verdicts(folder);
    const provider = automatic(providers);
    const { memory } = await inOwnProcess(step, async (connection): Promise<RuntimeInfo> => {
      await connection.sendRequest(loadModel, { model: folder, provider });
      return connection.sendRequest(runtimeInfo);
    });
    const { id, title, dtype, files } = manifest;
    const size = Object.values(files).reduce((sum, file) => sum + file.size, 0);
    return { folder, id, title, dtype, size, provider, providers, memory };
  } catch (cause) {
    const { code, message } = fromResponseError(cause);
    return { folder, error: { code, message } };
  }
}

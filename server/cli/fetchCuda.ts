/**
 * Fetches CUDA's provider libraries with ONNX Runtime's own install script, which knows the version that fits. The script
 * writes them into a folder beside its own, one after the other, the largest first. So a copy of it runs in a hidden folder
 * where they belong, and they are moved when all of them are on the disk: whatever ends it, they are there or they are not.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { hasEnded, owner } from '@clipcap/models/owner';
import { CaptionError } from '@clipcap/protocol/error';
import { cudaLibraries, runtimeFolder } from '../process/machine.js';

/**
 * @param signal ends the script
 * @throws CaptionError `provider-unavailable` with the reason: no part of it is taken for an installation then
 */
export async function fetchCuda(signal: AbortSignal): Promise<void> {
  const folder = dirname(cudaLibraries()[0]!);
  let staging: string | undefined;
  try {
    await clearLeftovers(folder);
    staging = await mkdtemp(join(folder, `.cuda-${owner}-`));
    await cp(join(runtimeFolder(), 'script'), join(staging, 'script'), { recursive: true });
    await runScript(staging, signal);
    await moveLibraries(staging, signal);
  } catch (cause) {
    const message =
      `CUDA’s library could not be installed (${cause instanceof Error ? cause.message : String(cause)}). Check the ` +
      `network, the proxy, and that ${folder} has room and may be written to; no part of it is used.`;
    throw new CaptionError('provider-unavailable', message, { cause });
  } finally {
    // What cannot be removed, the next call tries to.
    if (staging !== undefined) await rm(staging, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Removes what installations have left that were killed. */
async function clearLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, named] = /^\.cuda-([0-9a-f]{8}-\d+)-[0-9A-Za-z]{6}$/u.exec(name) ?? [];
    if (named === undefined || !hasEnded(named)) continue;
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Its temporary files go into the same folder: it removes them only if nothing ends it. */
async function runScript(staging: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, [join(staging, 'script', 'install.js')], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: {
      // As for models, the small letters go before the large ones. The script knows neither.
      GLOBAL_AGENT_HTTPS_PROXY: process.env['https_proxy'] ?? process.env['HTTPS_PROXY'],
      GLOBAL_AGENT_NO_PROXY: process.env['no_proxy'] ?? process.env['NO_PROXY'],
      ...process.env,
      ELECTRON_RUN_AS_NODE: '1',
      // Not by name: it takes a name for nothing, and does nothing then where npm runs the script of a project.
      ONNXRUNTIME_NODE_INSTALL: 'true',
      TMPDIR: staging,
    },
  });
  signal.addEventListener('abort', () => child.kill('SIGKILL'));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [said, code] = await Promise.all([text(child.stderr), ended]);
  if (code === 0) return;
  throw new Error(/^(?:\w*Error|AggregateError)[^:\n]*: *(.*)$/mu.exec(said)?.[1]?.trim() || 'the download failed');
}

/** Without CUDA's own the others are not looked at: what a script has left of it goes first, and the new one comes last. */
async function moveLibraries(staging: string, signal: AbortSignal): Promise<void> {
  const moves = cudaLibraries().map((path) => ({ from: join(staging, relative(runtimeFolder(), path)), to: path }));
  for (const { from } of moves) {
    const file = await open(from);
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  signal.throwIfAborted();
  await rm(moves[0]!.to, { force: true });
  for (const { from, to } of moves.toReversed()) await rename(from, to);
}

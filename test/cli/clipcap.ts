/** Runs the built command line as a user would: its own process, its own folder. */
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { CaptionDocument, ImageEntry, ModelInfo } from '@clipcap/protocol/caption';
import { root } from '../root.js';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  // What it remembers of the machine is kept out of the user's own cache.
  const env = { XDG_CACHE_HOME: join(root, '.build', 'cache'), ...(options.env ?? process.env) };
  return spawn(process.execPath, [join(root, 'dist', 'cli.mjs'), ...args], { stdio: 'pipe', ...options, env });
}

export async function finish(child: ChildProcess): Promise<Finished> {
  const [stdout, stderr] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
    once(child, 'close'),
  ]);
  return { code: child.exitCode, stdout, stderr };
}

/**
 * Runs a module that imports the command line's own, for what the built one cannot be told.
 * @param args its `process.argv.slice(1)`
 */
export function runModule(
  module: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const words = ['--input-type=module', '-e', module, ...args];
  return finish(spawn(process.execPath, words, { cwd: join(root, 'test'), env: { ...process.env, ...env } }));
}

export function clipcap(args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  return finish(start(args, options));
}

function parse(json: string): CaptionDocument {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong with it shows in what tests ask of it
  return JSON.parse(json) as CaptionDocument;
}

/** The error of a run that captioned nothing; fails if the document has any other field. */
export function failure(json: string): {
  readonly code: string;
  readonly message: string;
  readonly question?: unknown;
} {
  const document = parse(json);
  assert.deepEqual(Object.keys(document), ['version', 'error']);
  assert.ok('error' in document);
  return document.error;
}

/** The document of a run that captioned images; fails if it is an error's. */
export function captioned(json: string): { readonly model: ModelInfo; readonly images: readonly ImageEntry[] } {
  const document = parse(json);
  if ('error' in document) throw new Error(`${document.error.code}: ${document.error.message}`);
  return document;
}

/** What a pack makes of one photo on the CPU; fails if that is an error. */
export async function captionedWith(pack: string, photo: string, args: readonly string[] = []) {
  const asked = ['caption', '--json', '--model', pack, '--provider', 'cpu', ...args, photo];
  const { code, stdout, stderr } = await clipcap(asked);
  assert.equal(code, 0, stderr);
  const { model, images } = captioned(stdout);
  const [image] = images;
  assert.ok(image && 'captions' in image);
  return { model, captions: image.captions, prefix: image.prefix };
}

/** The code of an image's error, or its caption. */
export function outcome(entry: ImageEntry): string {
  return 'error' in entry ? entry.error.code : (entry.captions[0]?.text ?? '');
}

/** Runs the built command line as a user would: its own process, its own folder. */
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
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
  return spawn(process.execPath, [join(root, 'dist', 'cli.mjs'), ...args], { stdio: 'pipe', ...options });
}

export async function finish(child: ChildProcess): Promise<Finished> {
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

export function clipcap(args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  return finish(start(args, options));
}

/** The document of a run that captioned images; fails if it is an error's. */
export function captioned(json: string): { readonly model: ModelInfo; readonly images: readonly ImageEntry[] } {
  const document = JSON.parse(json) as CaptionDocument;
  if ('error' in document) throw new Error(`${document.error.code}: ${document.error.message}`);
  return document;
}

/** The code of an image's error, or its caption. */
export function outcome(entry: ImageEntry): string {
  return 'error' in entry ? entry.error.code : (entry.captions[0]?.text ?? '');
}

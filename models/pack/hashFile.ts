/** SHA-256 of files, in hexadecimal, read in pieces. */
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { CaptionError } from '@clipcap/protocol/error';

const chunkBytes = 2 ** 20;

/** Opens a file for reading; opening a pipe that nobody writes to would otherwise wait for ever. */
export function openWithoutWaiting(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
}

/** @throws CaptionError `cancelled`, or the system's error */
export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await addFile(hash, path, signal);
  return hash.digest('hex');
}

/**
 * Goes on with a hash by what a file holds.
 * @param signal is asked before every piece
 * @throws CaptionError `cancelled`, or the system's error
 */
export async function addFile(hash: Hash, path: string, signal?: AbortSignal): Promise<void> {
  const file = await openWithoutWaiting(path);
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      if (signal?.aborted === true) throw new CaptionError('cancelled', `Reading ${path} was cancelled.`);
      const { bytesRead } = await file.read(chunk);
      if (bytesRead === 0) return;
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** As {@link hashFile}, while this thread does something else. */
export function hashFileInThread(path: string): Promise<string> {
  const thread = new Worker(new URL('./hashThread.js', import.meta.url), { workerData: path, execArgv: [] });
  return new Promise((resolve, reject) => {
    thread.once('message', resolve).once('error', reject);
    thread.once('exit', () => reject(new Error('the thread ended without an answer')));
  });
}

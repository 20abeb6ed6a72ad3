/** SHA-256 of files, in hexadecimal, read in pieces. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';

const chunkBytes = 2 ** 20;

/** Opens a file for reading; opening a pipe that nobody writes to would otherwise wait for ever. */
export function openWithoutWaiting(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
}

export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await openWithoutWaiting(path);
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (let read = await file.read(chunk); read.bytesRead > 0; read = await file.read(chunk)) {
      hash.update(chunk.subarray(0, read.bytesRead));
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

/** As {@link hashFile}, while this thread does something else. */
export function hashFileInThread(path: string): Promise<string> {
  const thread = new Worker(new URL('./hashThread.js', import.meta.url), { workerData: path, execArgv: [] });
  return new Promise((resolve, reject) => {
    thread.once('message', resolve).once('error', reject);
    thread.once('exit', () => reject(new Error('the thread ended without an answer')));
  });
}

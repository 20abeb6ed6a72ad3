/**
 * A thread of its own that hashes one file (`workerData`: its path) and answers the SHA-256 in hexadecimal: making ONNX
 * Runtime's sessions blocks the thread that does it for as long as a large file's hash takes.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { hashFile } from './hashFile.js';

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.postMessage(await hashFile(String(workerData)));

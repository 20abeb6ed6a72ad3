/** The one way to open a checkpoint, whatever it is: a file in any of the formats that are read, or a folder. */
import { realpath, stat } from 'node:fs/promises';
import { CaptionError } from '@clipcap/protocol/error';
import { checkpointOf, type Checkpoint } from './checkpoint.js';
import { CheckpointFile } from './checkpointFile.js';
import { openHuggingFace } from './huggingFace.js';
import { readOnnx, type OnnxEncoder } from './onnx.js';
import { readTensors, recognise } from './readTensors.js';

/**
 * Tensors are found and checked against the file's size; their values stay in the file until they are read.
 * @param path a file, or a folder in Hugging Face's layout
 * @returns a checkpoint that its user closes, or the description of an ONNX model, which holds nothing open
 * @throws CaptionError `checkpoint-missing`, `checkpoint-invalid` or `checkpoint-unsupported`
 */
export async function openCheckpoint(path: string): Promise<Checkpoint | OnnxEncoder> {
  const status = await stat(path).catch((cause: unknown) => {
    throw new CaptionError('checkpoint-missing', `There is no checkpoint at ${path}. Check the path.`, { cause });
  });
  if (status.isDirectory()) return openHuggingFace(await realpath(path));
  const file = await CheckpointFile.open(path);
  try {
    if ((await recognise(file)) === 'onnx') {
      const encoder = await readOnnx(file);
      await file.close();
      return encoder;
    }
    return checkpointOf({ ...(await readTensors(file)), path, files: [file] });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A checkpoint in memory, for tests that read many of them. */
import { CheckpointFile } from '@clipcap/models/checkpoints/checkpointFile';

export function memoryFile(bytes: Buffer, path = 'weights.pt'): CheckpointFile {
  return new CheckpointFile(path, bytes.length, {
    read: (into, position) => Promise.resolve(bytes.copy(into, 0, position)),
    close: () => Promise.resolve(),
  });
}

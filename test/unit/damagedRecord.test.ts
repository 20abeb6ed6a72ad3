/** Bytes of an archive that are not the ones that PyTorch saved. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { openCheckpoint } from '@clipcap/models/checkpoints/openCheckpoint';
import { readZip, type ZipEntry } from '@clipcap/models/checkpoints/zip';
import { memoryFile } from '../fuzz/memoryFile.js';
import { storedZip } from '../fuzz/storedZip.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';

const skip = 'crc32' in zlib ? false : 'Node has no CRC-32 before 20.15';

/** Opens it and reads all values. */
async function readAll(path: string): Promise<void> {
  const checkpoint = await openCheckpoint(path);
  assert.ok(checkpoint.format !== 'onnx');
  try {
    for (const name of checkpoint.names()) for await (const piece of checkpoint.read(name)) assert.ok(piece);
  } finally {
    await checkpoint.close();
  }
}

const flip = (bytes: Buffer, { offset }: Pick<ZipEntry, 'offset'>): void => void (bytes[offset]! ^= 1);

for (const [name, records] of [
  ['state_dict.pt', ['data.pkl', 'byteorder', 'data/1', 'data/4']],
  ['big_endian.pt', ['data/0']],
] as const) {
  const archive = await readFile(fixture(join('checkpoints', name)));
  const entries = await readZip(memoryFile(archive));
  for (const record of records) {
    test(`a flipped bit in ${record} of ${name} is found while it is read`, { skip }, async (context) => {
      const damaged = Buffer.from(archive);
      const entry = [...entries.values()].find((each) => each.name.endsWith(`/${record}`));
      assert.ok(entry);
      flip(damaged, entry);
      const path = join(await temporaryFolder(context), name);
      await writeFile(path, damaged);
      await assert.rejects(readAll(path), (error: Error & { code: string }) => {
        assert.equal(error.code, 'checkpoint-invalid');
        assert.ok(error.message.includes(`record "${entry.name}" is damaged`), error.message);
        return true;
      });
    });
  }
}

test('an archive that PyTorch saved without checksums is read', async (context) => {
  const archive = await readFile(fixture('checkpoints/state_dict.pt'));
  const entries = await readZip(memoryFile(archive));
  const records = [...entries].map(([name, { offset, length }]) => {
    return [name, archive.subarray(offset, offset + length)] as const;
  });
  const path = join(await temporaryFolder(context), 'state_dict.pt');
  await writeFile(path, storedZip(records));
  await readAll(path);
});

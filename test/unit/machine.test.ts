/** What makes a machine another one for its execution providers: drivers that come, go or change. */
import assert from 'node:assert/strict';
import { mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { machineIdentity } from '@clipcap/server/process/machine';
import { temporaryFolder } from '../temporaryFolder.js';

const skip = process.platform !== 'linux' && 'looks where Linux has its drivers';

test(
  'a driver that is installed, updated or removed makes another machine; other files do not',
  { skip },
  async (t) => {
    const root = await temporaryFolder(t);
    const list = join(root, 'usr', 'share', 'vulkan', 'icd.d');
    const libraries = join(root, 'usr', 'lib', 'x86_64-linux-gnu');
    const devices = join(root, 'dev', 'dri');
    for (const folder of [list, libraries, devices]) await mkdir(folder, { recursive: true });
    const seen = new Set([machineIdentity(root)]);
    const isAnother = (): boolean => seen.size < seen.add(machineIdentity(root)).size;

    await writeFile(join(list, 'radeon_icd.x86_64.json'), '{}');
    assert.ok(isAnother(), 'listed');
    const driver = join(libraries, 'libvulkan_radeon.so');
    await writeFile(driver, 'one');
    assert.ok(isAnother(), 'installed');
    await writeFile(`${driver}.new`, 'two');
    await utimes(`${driver}.new`, 1000, 1000);
    await rename(`${driver}.new`, driver);
    assert.ok(isAnother(), 'updated');
    await writeFile(join(libraries, 'libcudnn.so.9'), '');
    assert.ok(isAnother(), 'a library that CUDA needs');
    const device = join(devices, 'renderD128');
    await writeFile(device, '');
    assert.ok(isAnother(), 'a device');
    await utimes(device, 1000, 1000);
    assert.ok(!isAnother(), 'the same device after a start');
    await writeFile(join(libraries, 'libpng16.so.16'), '');
    assert.ok(!isAnother(), 'another library');
    await rm(list, { recursive: true });
    assert.ok(isAnother(), 'removed');
  },
);

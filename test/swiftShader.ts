/** WebGPU without a GPU: Chromium's software renderer, which Debian's package brings, as the Vulkan driver. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './temporaryFolder.js';

const folder = '/usr/lib/chromium';
const driver = join(folder, 'vk_swiftshader_icd.json');

/** Why there is no such renderer here; undefined if there is one. */
export const withoutSwiftShader =
  existsSync(driver) && existsSync(join(folder, 'libvulkan.so.1'))
    ? undefined
    : 'needs SwiftShader and a Vulkan loader; install them with: sudo apt-get install -y chromium';

/** Makes processes that this one starts find it, and nothing that other tests left behind, until the test ends. */
export async function useSwiftShader(test: TestContext): Promise<void> {
  const own = await temporaryFolder(test);
  const variables = {
    LD_LIBRARY_PATH: folder,
    VK_DRIVER_FILES: driver,
    VK_ICD_FILENAMES: driver,
    XDG_CACHE_HOME: own,
    XDG_RUNTIME_DIR: own,
  };
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    process.env[name] = value;
    test.after(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

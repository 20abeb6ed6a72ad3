/** Tests in VS Code's window, which leave a picture of it when they fail. */
import { test } from 'node:test';
import { screenshotPath } from './browser.js';
import type { Workbench } from './workbench.js';

/** Makes a test of a body that uses the workbench; it is open by then. */
export function testsIn(workbench: () => Workbench): (name: string, body: () => Promise<void>) => void {
  return (name, body) => {
    void test(name, async () => {
      try {
        await body();
      } catch (error) {
        const file = name.toLowerCase().replaceAll(/[^a-z]+/gu, '-');
        await workbench().page.screenshot({ path: screenshotPath(`failed-${file.slice(0, 60)}`) });
        throw error;
      }
    });
  };
}

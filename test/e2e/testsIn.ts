/**
 * Tests in VS Code's window: it is started before the first of a `describe` and ended after the last. A test that fails
 * leaves a picture of it.
 */
import { after, before, test } from 'node:test';
import { screenshotPath, startBrowser, type Browser } from './browser.js';
import { startCodeServer, type CodeServer, type CodeServerOptions } from './codeServer.js';
import { openWorkbench, type Workbench } from './workbench.js';

/** What the tests of one `describe` have in common. */
export interface VsCode {
  readonly server: CodeServer;
  readonly browser: Browser;
  readonly workbench: Workbench;
}

/** Makes a test of a body, which is given what was started. */
type InVsCode = (name: string, body: (vscode: VsCode) => Promise<void> | void) => void;

/**
 * To be called in a `describe`.
 *
 * @param options of VS Code, or what finds them out before it is started
 * @param prepare is run once, before the first test
 */
export function testsIn(
  options: CodeServerOptions | (() => Promise<CodeServerOptions>),
  prepare?: (vscode: VsCode) => Promise<void>,
): InVsCode {
  let server: CodeServer | undefined;
  let browser: Browser | undefined;
  let vscode: VsCode;
  before(async () => {
    server = await startCodeServer(typeof options === 'function' ? await options() : options);
    browser = await startBrowser();
    vscode = { server, browser, workbench: await openWorkbench(browser, server) };
    await prepare?.(vscode);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  return (name, body) => {
    void test(name, async () => {
      try {
        await body(vscode);
      } catch (error) {
        const file = name.toLowerCase().replaceAll(/[^a-z]+/gu, '-');
        await vscode.workbench.page.screenshot({ path: screenshotPath(`failed-${file.slice(0, 60)}`) });
        throw error;
      }
    });
  };
}

/**
 * The built panel on a page of its own: markup like the host's under a policy that allows as little (its own origin
 * takes the place of the nonce), a stand-in for VS Code's API, a theme's colours.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FromWebview, PanelImage, ToWebview } from '@clipcap/protocol/panel';
import { fixture, root } from '../root.js';
import type { Browser, Page } from './browser.js';
import type { Theme } from './themes.js';

const origin = 'http://panel.test';

/** The image that the page can load; any other source is broken. */
export const pageImage: PanelImage = {
  uri: 'file:///photos/chelsea.jpg',
  name: 'chelsea.jpg',
  source: `${origin}/chelsea.jpg`,
};

export interface PanelPage {
  readonly page: Page;
  /** Errors and warnings of the page's console, violations of its policy among them. */
  readonly complaints: readonly string[];
  /** Delivers a message of the host and waits until it is drawn. */
  readonly tell: (message: ToWebview) => Promise<void>;
  /** What the panel said to its host so far. */
  readonly said: () => Promise<readonly FromWebview[]>;
  /** What the panel asked VS Code to keep. */
  readonly kept: () => Promise<unknown>;
}

declare global {
  /** In the page: what the stand-in for VS Code's API saw. */
  var standIn: { readonly said: readonly FromWebview[]; readonly kept: unknown };
}

/** Opens the built panel; `kept` is the state of an earlier life of it. */
export async function openPanel(
  browser: Browser,
  theme: Theme,
  viewport = { width: 1000, height: 900 },
  kept?: object,
): Promise<PanelPage> {
  const page = await browser.newPage({ viewport, reducedMotion: 'reduce' });
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));

  const files: Readonly<Record<string, { contentType: string; body: Buffer | string }>> = {
    '/': { contentType: 'text/html', body: markup(theme) },
    '/theme.css': { contentType: 'text/css', body: themeStyle(theme) },
    '/host.js': { contentType: 'text/javascript', body: hostScript(kept) },
    '/webview.js': { contentType: 'text/javascript', body: readFileSync(join(root, 'dist', 'webview.js')) },
    '/webview.css': { contentType: 'text/css', body: readFileSync(join(root, 'dist', 'webview.css')) },
    '/chelsea.jpg': { contentType: 'image/jpeg', body: readFileSync(fixture('photos/chelsea.jpg')) },
    '/favicon.ico': { contentType: 'image/x-icon', body: '' },
  };
  await page.route(`${origin}/**`, async (route) => {
    const file = files[new URL(route.request().url()).pathname];
    await route.fulfill(file ?? { status: 404 });
  });
  await page.goto(`${origin}/`);
  return {
    page,
    complaints,
    tell: async (message) => {
      await page.evaluate((data) => {
        dispatchEvent(new MessageEvent('message', { data }));
      }, message);
    },
    said: () => page.evaluate(() => globalThis.standIn.said),
    kept: () => page.evaluate(() => globalThis.standIn.kept),
  };
}

function markup({ bodyClass }: Theme): string {
  const sources = `img-src ${origin} data:; script-src ${origin}; style-src ${origin}`;
  const policy = `default-src 'none'; ${sources}; base-uri 'none'; form-action 'none'`;
  return `<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8"><title>Prefix</title>
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="stylesheet" href="/theme.css"><link rel="stylesheet" href="/webview.css"></head>
<body class="${bodyClass}"><div id="app"></div><script src="/host.js"></script><script src="/webview.js"></script></body></html>`;
}

function themeStyle({ variables }: Theme): string {
  const lines = Object.entries(variables).map(([name, value]) => `--vscode-${name}: ${value};`);
  return `:root { ${lines.join(' ')} }
body { background: var(--vscode-editor-background); color: var(--vscode-foreground); margin: 0; padding: 0 20px;
  font-family: var(--vscode-font-family); font-size: var(--vscode-font-size); }`;
}

function hostScript(kept: object | undefined): string {
  return `window.standIn = { said: [], kept: ${JSON.stringify(kept) ?? 'undefined'} };
window.acquireVsCodeApi = () => ({
  postMessage: (message) => window.standIn.said.push(message),
  getState: () => window.standIn.kept,
  setState: (state) => { window.standIn.kept = state; },
});`;
}

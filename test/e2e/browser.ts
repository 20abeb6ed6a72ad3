/// <reference lib="dom" />
/** Debian's Chromium, driven by the playwright-core that test/vscode installs apart from the workspaces. */
import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../root.js';

/** The part of playwright-core's types that these tests use; the package itself is not there when they are compiled. */
export interface Locator {
  getByRole(role: string, options?: { name?: string | RegExp; exact?: boolean }): Locator;
  click(options?: { button?: 'left' | 'right'; timeout?: number; modifiers?: string[] }): Promise<void>;
  dblclick(): Promise<void>;
  hover(options?: { timeout?: number; position?: { x: number; y: number }; force?: boolean }): Promise<void>;
  focus(): Promise<void>;
  press(key: string, options?: { timeout?: number }): Promise<void>;
  fill(text: string): Promise<void>;
  selectOption(value: string): Promise<unknown>;
  check(): Promise<void>;
  inputValue(): Promise<string>;
  waitFor(options?: { state?: 'visible' | 'hidden' | 'attached' | 'detached'; timeout?: number }): Promise<void>;
  textContent(options?: { timeout?: number }): Promise<string | null>;
  innerText(): Promise<string>;
  allInnerTexts(): Promise<string[]>;
  allTextContents(): Promise<string[]>;
  getAttribute(name: string): Promise<string | null>;
  boundingBox(): Promise<{ x: number; y: number; width: number; height: number } | null>;
  count(): Promise<number>;
  isVisible(): Promise<boolean>;
  first(): Locator;
  last(): Locator;
  nth(index: number): Locator;
  locator(selector: string): Locator;
  filter(options: { hasText?: string | RegExp; has?: Locator }): Locator;
  evaluate<Result>(body: (element: never) => Result): Promise<Result>;
  evaluateAll<Result>(body: (elements: never) => Result): Promise<Result>;
  screenshot(options: { path: string }): Promise<unknown>;
}

export interface Frame {
  url(): string;
  parentFrame(): Frame | null;
  getByRole(role: string, options?: { name?: string | RegExp; exact?: boolean }): Locator;
  locator(selector: string): Locator;
  evaluate<Result, Argument>(
    body: (argument: Argument) => Result | Promise<Result>,
    argument?: Argument,
  ): Promise<Result>;
}

export interface Page extends Frame {
  setDefaultTimeout(milliseconds: number): void;
  goto(url: string): Promise<unknown>;
  reload(): Promise<unknown>;
  frames(): Frame[];
  on(event: 'console', listener: (message: ConsoleMessage) => void): void;
  on(event: 'pageerror', listener: (error: Error) => void): void;
  on(event: 'request', listener: (request: { url(): string }) => void): void;
  keyboard: { press(key: string): Promise<void>; type(text: string, options?: { delay?: number }): Promise<void> };
  mouse: {
    move(x: number, y: number, options?: { steps?: number }): Promise<void>;
    click(x: number, y: number): Promise<void>;
  };
  /** Of the page; from `pauseAt` on its timers run by `runFor` alone. Times in milliseconds. */
  clock: {
    install(options: { time: number }): Promise<void>;
    pauseAt(time: number): Promise<void>;
    runFor(time: number): Promise<void>;
  };
  getByText(text: string | RegExp, options?: { exact?: boolean }): Locator;
  waitForTimeout(milliseconds: number): Promise<void>;
  waitForFunction<Argument>(body: (argument: Argument) => unknown, argument?: Argument): Promise<unknown>;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  route(
    pattern: string,
    handler: (route: {
      request(): { url(): string };
      fulfill(answer: {
        status?: number;
        contentType?: string;
        body?: string | Buffer;
        headers?: Record<string, string>;
      }): Promise<void>;
    }) => Promise<void>,
  ): Promise<void>;
  addInitScript(body: () => void): Promise<void>;
  screenshot(options: {
    path: string;
    clip?: { x: number; y: number; width: number; height: number };
    fullPage?: boolean;
  }): Promise<unknown>;
  close(): Promise<void>;
}

interface ConsoleMessage {
  type(): string;
  text(): string;
  location(): { url: string };
}

export interface Browser {
  newPage(options?: {
    viewport?: { width: number; height: number };
    deviceScaleFactor?: number;
    reducedMotion?: 'reduce';
    permissions?: string[];
    colorScheme?: 'light' | 'dark';
    offline?: boolean;
  }): Promise<Page>;
  close(): Promise<void>;
}

interface Playwright {
  chromium: { launch(options: { executablePath: string; args: string[]; headless: boolean }): Promise<Browser> };
}

const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts Chromium without a window. */
export async function startBrowser(): Promise<Browser> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- loaded by path, its types are not there
  const playwright = createRequire(join(root, 'test', 'vscode', 'package.json'))('playwright-core') as Playwright;
  return playwright.chromium.launch({ executablePath: '/usr/bin/chromium', args: chromiumArguments, headless: true });
}

/** Where a screenshot of this name is kept for people to look at. */
export function screenshotPath(name: string): string {
  const folder = join(root, '.build', 'screenshots');
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name}.png`);
}

/** The panel's drawing in Chromium: from the data's arrival to what is on the screen, and from the pointer to the mark. */
import type { LensView } from '@clipcap/protocol/lens';
import { startBrowser, type Browser } from '../../e2e/browser.js';
import { sampleResult, sampleViews } from '../../e2e/lensSamples.js';
import { openPanel, pageImage, type PanelPage } from '../../e2e/panelPage.js';
import { themes } from '../../e2e/themes.js';
import { row } from '../full/table.js';

const runs = 15;
/** Milliseconds between two frames. */
const frame = 16.7;

/** What is pointed at in each view; the pointer enters a thing, or moves over a picture of many. */
const pointed: readonly (readonly [string, LensView, string])[] = [
  ['Prefix', 'table', '.position tbody tr'],
  ['Heat map', 'heatmap', '.matrix-stack'],
  ['Map', 'map', '.position-point'],
  ['Attention', 'attention', '.matrix-stack'],
  ['Logit lens', 'lens', '.guess'],
  ['Counterfactuals', 'counterfactuals', 'tbody tr'],
];

export async function measurePanel(): Promise<void> {
  const browser = await startBrowser().catch(() => undefined);
  const painted: Record<number, number[]> = { 10: [], 80: [] };
  for (let run = 0; run < runs; run++) {
    for (const length of [10, 80]) if (browser) painted[length]?.push(await firstPaint(browser, length));
  }
  row('first paint after the data, K = 10', painted[10] ?? [], 'ms', { atMost: 150 });
  row('first paint after the data, K = 80', painted[80] ?? [], 'ms', { atMost: 150 });
  const short = browser && (await openedPanel(browser, 10));
  row('switch of the metric, K = 10', short ? await switches(short, 10) : [], 'ms', { atMost: 50 });
  const panel = browser && (await openedPanel(browser, 80));
  row('switch of the metric, K = 80', panel ? await switches(panel, 80) : [], 'ms', { atMost: 50 });
  for (const [tab, view, selector] of pointed) {
    const samples = panel ? await hovers(panel, tab, view, selector) : [];
    row(`hover, K = 80: ${tab}`, samples, 'ms', { atMost: frame });
  }
  await browser?.close();
}

/** From the answer's arrival until the frame with it has been painted. */
async function firstPaint(browser: Browser, length: number): Promise<number> {
  const panel = await openedPanel(browser, length);
  const time = await panel.page.evaluate(async (data) => {
    const asked = globalThis.standIn.said.findLast((message) => message.type === 'request');
    const start = performance.now();
    dispatchEvent(new MessageEvent('message', { data: { type: 'answer', id: asked?.id, data } }));
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    return performance.now() - start;
  }, sampleViews(length).table);
  await panel.page.close();
  return time;
}

/** A panel with its caption, whose first view waits for its data. */
async function openedPanel(browser: Browser, length: number): Promise<PanelPage> {
  const panel = await openPanel(browser, themes[0]!);
  await panel.tell({ type: 'loading', image: pageImage });
  await panel.tell({ type: 'result', image: pageImage, result: sampleResult(length) });
  return panel;
}

async function answer(panel: PanelPage, view: LensView, length = 80): Promise<void> {
  const asked = (await panel.said()).findLast((message) => message.type === 'request');
  if (asked) await panel.tell({ type: 'answer', id: asked.id, data: sampleViews(length)[view] });
}

async function switches(panel: PanelPage, length: number): Promise<number[]> {
  await answer(panel, 'table', length);
  return panel.page.evaluate(async (count) => {
    const samples: number[] = [];
    for (let run = 0; run < count; run++) {
      const list = document.querySelector<HTMLSelectElement>('[data-view=table] select');
      if (!list) throw new Error('there is no choice of the metric');
      const start = performance.now();
      list.selectedIndex = (list.selectedIndex + 1) % list.options.length;
      list.dispatchEvent(new Event('change'));
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      samples.push(performance.now() - start);
    }
    return samples;
  }, runs);
}

/** From the pointer's event until what it changes is laid out. */
async function hovers(panel: PanelPage, tab: string, view: LensView, selector: string): Promise<number[]> {
  await panel.page.getByRole('tab', { name: tab, exact: true }).click();
  if (view !== 'table') await answer(panel, view);
  return panel.page.evaluate(
    ([within, count]) => {
      const elements = [...document.querySelectorAll(within)];
      const samples: number[] = [];
      for (let run = 0; run < count; run++) {
        const element = elements[(run * 7) % elements.length];
        if (!element) throw new Error('there is nothing to point at');
        const { right, bottom } = element.getBoundingClientRect();
        const at = { clientX: right - 40 - 10 * run, clientY: bottom - 40 - 10 * run };
        const start = performance.now();
        element.dispatchEvent(new PointerEvent('pointerenter', at));
        element.dispatchEvent(new PointerEvent('pointerover', { ...at, bubbles: true }));
        element.dispatchEvent(new PointerEvent('pointermove', at));
        document.body.getBoundingClientRect();
        samples.push(performance.now() - start);
      }
      return samples;
    },
    [`[data-view=${view}] ${selector}`, runs] as const,
  );
}

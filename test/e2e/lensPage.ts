/** The panel with its Prefix Lens on a page of its own, whose host answers everything with the samples. */
import assert from 'node:assert/strict';
import type { LensView } from '@clipcap/protocol/lens';
import type { PanelRequest, PanelRequests } from '@clipcap/protocol/panel';
import type { Browser } from './browser.js';
import { sampleResult, sampleViews, type Samples } from './lensSamples.js';
import { openPanel, pageImage, type PanelPage } from './panelPage.js';
import { themes, type Theme } from './themes.js';

const dark = themes.find(({ name }) => name === 'dark') ?? assert.fail('there is no dark theme');

/** The lens's tabs and the views in each. */
export const tabs: readonly (readonly [string, readonly LensView[]])[] = [
  ['Prefix', ['table']],
  ['Heat map', ['heatmap']],
  ['Map', ['map']],
  ['Tokens', ['tokens', 'beams']],
  ['Attention', ['attention']],
  ['Logit lens', ['lens']],
  ['Counterfactuals', ['counterfactuals']],
  ['Where in the image', ['occlusion']],
  ['Compare', ['compare']],
  ['Encoder’s words', ['encoder']],
];

/** A picture of one grey point. */
const greyPoint =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mM4ceLEfwAIDANYXmnp+AAAAABJRU5ErkJggg==';

/** To what is asked of the host, where it is not just done. */
const answers: { readonly [Method in keyof PanelRequests]?: PanelRequests[Method]['data'] } = {
  pick: { images: [pageImage] },
  thumbnail: greyPoint,
};

export interface LensPage extends PanelPage {
  readonly views: Samples;
  /** Requests that are neither answered nor cancelled. */
  readonly asked: () => Promise<readonly PanelRequest[]>;
  /** Answers everything that is asked with the samples. */
  readonly answer: () => Promise<void>;
  readonly open: (tab: string) => Promise<void>;
}

/** The built panel with a caption of a prefix of `length` positions, its first view answered with the samples. */
export async function openLens(
  browser: Browser,
  length = 10,
  theme: Theme = dark,
  viewport?: { width: number; height: number },
): Promise<LensPage> {
  const panel = await openPanel(browser, theme, viewport);
  const views = sampleViews(length);
  const answered = new Set<number>();
  const asked = async (): Promise<readonly PanelRequest[]> => {
    const said = await panel.said();
    const cancelled = new Set(said.flatMap((message) => (message.type === 'cancel' ? [message.id] : [])));
    return said.flatMap((message) =>
      message.type === 'request' && !answered.has(message.id) && !cancelled.has(message.id) ? [message] : [],
    );
  };
  const answer = async (): Promise<void> => {
    for (const request of await asked()) {
      answered.add(request.id);
      const data = request.method === 'lens' ? views[request.params.view] : (answers[request.method] ?? true);
      await panel.tell({ type: 'answer', id: request.id, data });
    }
  };
  await panel.tell({ type: 'loading', image: pageImage });
  await panel.tell({ type: 'result', image: pageImage, result: sampleResult(length) });
  await answer();
  const open = async (tab: string): Promise<void> => {
    await panel.page.getByRole('tab', { name: tab, exact: true }).click();
    await answer();
    if (tab !== 'Compare') return;
    await panel.page.getByRole('button', { name: 'Choose images…' }).click();
    await answer();
    await panel.page.waitForFunction(() => document.querySelector('.item, .pane[aria-busy]') !== null);
    await answer();
  };
  return { ...panel, views, asked, answer, open };
}

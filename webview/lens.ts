/** The Prefix Lens: one sentence on what a prefix is, a tab for each view, and only the chosen view at work. */
import { lensViews, type LensView, type LensViewParams } from '@clipcap/protocol/lens';
import type { PanelImage } from '@clipcap/protocol/panel';
import { make } from './make.js';
import { paneOf, type Around, type Pane, type PaneMaker } from './pane.js';
import { drawPositions } from './positions.js';
import { roveFocus } from './roving.js';
import { attentionView } from './views/attention.js';
import { beamsView } from './views/beams.js';
import { compareView } from './views/compare.js';
import { counterfactualsView } from './views/counterfactuals.js';
import { encoderView } from './views/encoder.js';
import { heatmapView } from './views/heatmap.js';
import { logitLensView } from './views/logitLens.js';
import { mapView } from './views/map.js';
import { occlusionView } from './views/occlusion.js';
import { tableView } from './views/table.js';
import { tokensView } from './views/tokens.js';
import type { Shown } from './views/view.js';

interface Tab {
  readonly label: string;
  /** Its views, from top to bottom. */
  readonly panes: readonly PaneMaker[];
}

const tabs: readonly Tab[] = [
  { label: 'Prefix', panes: [paneOf(tableView)] },
  { label: 'Heat map', panes: [paneOf(heatmapView)] },
  { label: 'Map', panes: [paneOf(mapView)] },
  { label: 'Tokens', panes: [paneOf(tokensView), paneOf(beamsView)] },
  { label: 'Attention', panes: [paneOf(attentionView)] },
  { label: 'Logit lens', panes: [paneOf(logitLensView)] },
  { label: 'Counterfactuals', panes: [paneOf(counterfactualsView)] },
  { label: 'Where in the image', panes: [paneOf(occlusionView)] },
  { label: 'Compare', panes: [paneOf(compareView)] },
  { label: 'Encoder’s words', panes: [paneOf(encoderView)] },
];

export interface Lens {
  /** Shows that a caption is on its way. */
  wait(image: PanelImage): void;
  /** Opens the chosen tab for a captioned image. */
  open(image: Shown): void;
  /** Cancels what is asked. */
  leave(): void;
}

/** What all views ask for with the options that were kept for them; those that ask for nothing yet are left out. */
export function askedOfAll(kept: (view: LensView) => unknown): LensViewParams {
  const asked = tabs.flatMap(({ panes }) => panes).map(({ view, asked: of }) => [view, of(kept(view))] as const);
  return Object.fromEntries(asked.filter(([, params]) => params !== undefined));
}

/** What of the options that were kept, by view, holds for another image too. */
export function keptForAnother(kept: Readonly<Record<string, object>>): Readonly<Record<string, object>> {
  const makers = new Map<string, PaneMaker>(tabs.flatMap(({ panes }) => panes).map((maker) => [maker.view, maker]));
  return Object.fromEntries(
    Object.entries(kept).map(([view, options]) => [view, makers.get(view)?.general(options) ?? options]),
  );
}

/**
 * Builds the lens in `place`; `chosen` is the tab's label, `choose` is told of another choice. Tabs without any of the
 * views that are there, if not all are, are left out.
 */
export function makeLens(
  place: HTMLElement,
  around: Around,
  chosen: string | undefined,
  choose: (label: string) => void,
  there: readonly LensView[] = lensViews,
): Lens {
  const made = tabs
    .filter(({ panes }) => panes.some(({ view }) => there.includes(view)))
    .map(({ label, panes }, index) => {
      const button = make(
        'button',
        { type: 'button', role: 'tab', id: `tab-${index}`, 'aria-controls': `view-${index}` },
        label,
      );
      const panel = make('div', {
        role: 'tabpanel',
        id: `view-${index}`,
        'aria-labelledby': `tab-${index}`,
        class: 'view',
      });
      return { label, button, panel, makers: panes, panes: [] as Pane[] };
    });
  const list = make('div', { role: 'tablist', 'aria-label': 'Views of the prefix', class: 'tabs' });
  list.append(...made.map(({ button }) => button));
  const explanation = make('p', { class: 'explanation' });
  const prefix = make('div', { class: 'places', role: 'group', 'aria-label': 'Positions of the prefix' });
  let endListening: (() => void) | undefined;
  place.append(explanation, prefix, list, ...made.map(({ panel }) => panel));

  let image: Shown | undefined;
  let positions = 10;
  let current = made.find(({ label }) => label === chosen) ?? made[0];

  const explain = (): void => {
    endListening?.();
    prefix.replaceChildren();
    endListening = drawPositions(prefix, positions, around.highlights);
    explanation.textContent =
      `ClipCap turned the image into ${positions} made-up words, the prefix, which the language model continued ` +
      'with the caption. Each view looks at them in another way; click what you see to keep it marked in all of them.';
  };
  const show = (): void => {
    for (const tab of made) {
      const on = tab === current;
      tab.button.setAttribute('aria-selected', String(on));
      tab.panel.hidden = !on;
      if (!on) for (const pane of tab.panes) pane.leave();
    }
    if (!current || !image) return;
    const shown = image;
    if (current.panes.length === 0) {
      current.panes = current.makers.filter(({ view }) => there.includes(view)).map((maker) => maker.make(around));
      current.panel.replaceChildren(...current.panes.map(({ element }) => element));
    }
    for (const pane of current.panes) pane.open(shown);
  };
  const clear = (): void => {
    for (const tab of made) {
      for (const pane of tab.panes) pane.leave();
      tab.panes = [];
      tab.panel.replaceChildren();
    }
  };
  for (const tab of made) {
    tab.button.addEventListener('click', () => {
      if (tab === current) return;
      current = tab;
      choose(tab.label);
      show();
      tab.button.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    });
  }
  const buttons = made.map(({ button }) => button);
  roveFocus(
    buttons,
    (key, index) => {
      const steps: Readonly<Record<string, number>> = {
        ArrowLeft: (index + buttons.length - 1) % buttons.length,
        ArrowRight: (index + 1) % buttons.length,
        Home: 0,
        End: buttons.length - 1,
      };
      const to = steps[key];
      return to === undefined ? undefined : buttons[to];
    },
    current?.button,
  );
  explain();
  show();
  redrawWhenNeeded(place, () => {
    if (image?.result) for (const pane of current?.panes ?? []) pane.redraw();
  });

  return {
    wait(next) {
      clear();
      image = next;
      explain();
      show();
    },
    open(next) {
      positions = next.result?.model.prefixLength ?? positions;
      if (image?.uri !== next.uri || (image.result && image.result !== next.result)) clear();
      image = next;
      explain();
      show();
    },
    leave: clear,
  };
}

/** Pictures are drawn for a width and in a theme's colours: both may change. */
function redrawWhenNeeded(place: HTMLElement, redraw: () => void): void {
  let width = place.clientWidth;
  let waiting = false;
  const soon = (): void => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      redraw();
    });
  };
  new ResizeObserver(() => {
    if (Math.abs(place.clientWidth - width) < 8) return;
    width = place.clientWidth;
    soon();
  }).observe(place);
  new MutationObserver(soon).observe(document.body, { attributes: true, attributeFilter: ['class'] });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', soon);
}

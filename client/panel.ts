/**
 * The panels of the Prefix Lens. An image is shown by the panel that has it, else by one that shows what is inspected,
 * else by a new one beside the editor; a panel may also follow the image in front, or keep its own.
 */
import { Uri, ViewColumn, window, type Disposable, type WebviewPanel, type WebviewPanelSerializer } from 'vscode';
import { readPanelState } from '@clipcap/protocol/panelMessages';
import { activeTab, imageOfTab } from './images.js';
import { LensPanel, type PanelContext } from './lensPanel.js';

export const panelViewType = 'clipcap.prefixLens';

export class PrefixPanel implements WebviewPanelSerializer, Disposable {
  readonly #context: PanelContext;
  readonly #panels = new Set<LensPanel>();
  readonly #tabs: Disposable;

  constructor(context: PanelContext) {
    this.#context = context;
    this.#tabs = window.tabGroups.onDidChangeTabs(() => {
      this.#follow();
    });
  }

  /** Shows an image. */
  inspect(uri: Uri): void {
    const panels = [...this.#panels];
    const there = panels.find((panel) => panel.shows(uri)) ?? panels.find(({ mode }) => mode !== 'kept');
    there?.panel.reveal(undefined, true);
    void (there ?? this.#open(panels.at(-1)?.panel.viewColumn)).show(uri);
  }

  /** A window was reloaded: the webview says itself, once it is ready, which image it showed. */
  deserializeWebviewPanel(panel: WebviewPanel, state: unknown): Promise<void> {
    const uri = readPanelState(state);
    this.#adopt(panel, uri === undefined ? undefined : Uri.parse(uri, true));
    return Promise.resolve();
  }

  dispose(): void {
    this.#tabs.dispose();
    for (const { panel } of this.#panels) panel.dispose();
  }

  #open(column: ViewColumn | undefined): LensPanel {
    const place = { viewColumn: column ?? ViewColumn.Beside, preserveFocus: true };
    return this.#adopt(window.createWebviewPanel(panelViewType, 'Prefix', place), undefined);
  }

  #adopt(panel: WebviewPanel, uri: Uri | undefined): LensPanel {
    const adopted = new LensPanel(panel, this.#context, uri);
    this.#panels.add(adopted);
    panel.onDidDispose(() => {
      this.#panels.delete(adopted);
    });
    return adopted;
  }

  #follow(): void {
    const uri = imageOfTab(activeTab());
    if (!uri) return;
    for (const panel of this.#panels) {
      if (panel.mode === 'active' && !panel.shows(uri)) void panel.show(uri);
    }
  }
}

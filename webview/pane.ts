/**
 * One view's place: its heading, its explanation, its controls, its picture and the table behind it. Owns the view's
 * request: asked when the view is opened or its options change, cancelled when it is left, told in place when it fails.
 */
import type { LensView } from '@clipcap/protocol/lens';
import type { PickedImage, PickSource, SavedFormat } from '@clipcap/protocol/panel';
import { action } from './controls.js';
import { keepFocus } from './focus.js';
import type { Highlights } from './highlights.js';
import { optionsForAnother, restored } from './keptOptions.js';
import { make } from './make.js';
import { readPalette } from './palette.js';
import { makeHeading } from './paneHeading.js';
import { drawSheet } from './sheet.js';
import type { Tooltip } from './tooltip.js';
import type { Change, Data, Drawing, Params, Shown, View } from './views/view.js';

/** What a pane needs of the lens around it. */
export interface Around {
  readonly tooltip: Tooltip;
  readonly highlights: Highlights;
  readonly copy: (text: string) => void;
  readonly save: (name: string, format: SavedFormat, content: string) => Promise<boolean>;
  /** Nothing can be asked but what is there: options do not change what is asked. */
  readonly readOnly: boolean;
  readonly pick: (title: string, from: PickSource) => Promise<readonly PickedImage[]>;
  /** Images that stand for "every image" instead of the pack's statistics. */
  readonly reference: () => readonly PickedImage[];
  readonly refer: (images: readonly PickedImage[]) => void;
  readonly ask: <Name extends LensView>(
    view: Name,
    params: Params<Name>,
    reference: readonly string[],
    signal: AbortSignal,
  ) => Promise<Data<Name>>;
  /** Options that were kept for a view, of unknown age. */
  readonly kept: (view: LensView) => unknown;
  readonly keep: (view: LensView, options: object) => void;
}

export interface Pane {
  readonly view: LensView;
  readonly title: string;
  readonly element: HTMLElement;
  /** Opens the view: asks for its data unless it has it. Without a caption yet, it only keeps its room. */
  open(image: Shown): void;
  /** Leaves the view: what it asked for is cancelled. */
  leave(): void;
  /** Draws again what there is: the theme or the room has changed. */
  redraw(): void;
}

/** A view whose type is its own business, so that views of different types stand in one list. */
export interface PaneMaker {
  readonly view: LensView;
  readonly make: (around: Around) => Pane;
  /** What the view asks for with the options that were kept for it; undefined: nothing yet. */
  readonly asked: (kept: unknown) => object | undefined;
  /** What of the options that were kept for it holds for another image too. */
  readonly general: (kept: object) => object;
}

export function paneOf<Name extends LensView, Options extends object>(view: View<Name, Options>): PaneMaker {
  return {
    view: view.name,
    make: (around) => new ViewPane(view, around),
    asked: (kept) => view.params(restored(view.defaults, kept)),
    general: (kept) => optionsForAnother(view.ofCaption ?? [], kept),
  };
}

/** A question, and what tells it from others. */
interface Wanted<Name extends LensView> {
  readonly params: Params<Name>;
  readonly reference: readonly string[];
  readonly key: string;
}

class ViewPane<Name extends LensView, Options extends object> implements Pane {
  readonly element = make('section', { class: 'pane' });
  readonly #view: View<Name, Options>;
  readonly #around: Around;
  readonly #controls = make('div', { class: 'controls' });
  readonly #tools: HTMLElement;
  readonly #note = make('div', { class: 'note' });
  readonly #picture = make('div', { class: 'picture' });
  readonly #table = make('div', { class: 'behind' });
  #options: Options;
  #image: Shown | undefined;
  #data: Data<Name> | undefined;
  /** What was asked to get the data, as text. */
  #key: string | undefined;
  #asked: string | undefined;
  #run: AbortController | undefined;
  #asTable = false;
  #listening: (() => void)[] = [];
  /** Of the picture that is there. */
  #inPlace: Change<Options> | undefined;

  constructor(view: View<Name, Options>, around: Around) {
    this.#view = view;
    this.#around = around;
    this.#options = restored(view.defaults, around.kept(view.name));
    const { heading, tools } = makeHeading(view, {
      picture: () => this.#picture,
      sheet: () => (this.#data === undefined ? undefined : view.sheet(this.#data, this.#options)),
      data: () => this.#data,
      copy: around.copy,
      save: around.save,
      showAsTable: (on) => {
        this.#asTable = on;
        this.redraw();
      },
    });
    this.#tools = tools;
    this.element.append(heading, this.#controls, this.#note, this.#picture, this.#table);
    this.element.dataset['view'] = view.name;
    this.#picture.style.minHeight = `${view.room}px`;
  }

  get view(): LensView {
    return this.#view.name;
  }

  get title(): string {
    return this.#view.title;
  }

  open(image: Shown): void {
    this.#image = image;
    this.#update();
  }

  leave(): void {
    this.#run?.abort();
    this.#run = undefined;
    this.#asked = undefined;
  }

  redraw(): void {
    if (this.#data !== undefined) this.#draw(this.#data);
  }

  #update(): void {
    const asked = this.#wanted();
    if (asked === undefined) {
      this.leave();
      this.#data = undefined;
      this.#key = undefined;
      this.#idle();
    } else if (asked.key === this.#key && this.#data !== undefined) {
      this.leave();
      this.#note.replaceChildren();
      this.#draw(this.#data);
    } else if (asked.key === this.#asked) {
      this.redraw();
    } else {
      void this.#ask(asked);
    }
  }

  /** What to ask for with the present options; undefined: nothing yet. */
  #wanted(): Wanted<Name> | undefined {
    const params = this.#around.readOnly ? {} : this.#view.params(this.#options);
    const reference = this.#view.usesReference === true ? this.#around.reference().map(({ uri }) => uri) : [];
    return params && { params, reference, key: JSON.stringify([params, reference]) };
  }

  /** Whether what was drawn of the data could be brought to other options, and is. */
  #changeInPlace(): boolean {
    if (this.#inPlace === undefined || this.#run !== undefined) return false;
    return this.#wanted()?.key === this.#key && this.#inPlace(this.#options);
  }

  async #ask({ key, params, reference }: Wanted<Name>): Promise<void> {
    this.leave();
    const result = this.#image?.result;
    const before = this.#data ?? (result && this.#view.early?.(result));
    if (before === undefined) this.#wait();
    else this.#draw(before);
    if (!result) return;
    const run = new AbortController();
    this.#run = run;
    this.#asked = key;
    this.element.setAttribute('aria-busy', 'true');
    try {
      const data = await this.#around.ask(this.#view.name, params, reference, run.signal);
      if (this.#run !== run) return;
      this.#data = data;
      this.#key = key;
      this.#note.replaceChildren();
      this.#draw(data);
    } catch (error) {
      if (this.#run === run) this.#fail(error);
    } finally {
      if (this.#run === run) {
        this.#run = undefined;
        this.#asked = undefined;
        this.element.removeAttribute('aria-busy');
      }
    }
  }

  #drawing(): Drawing<Options> {
    if (!this.#image) throw new Error('a view is drawn for an image');
    return {
      options: this.#options,
      change: (options) => {
        this.#options = { ...this.#options, ...options };
        this.#around.keep(this.#view.name, this.#options);
        if (!this.#changeInPlace()) this.#update();
      },
      image: this.#image,
      palette: readPalette(this.element),
      tooltip: this.#around.tooltip,
      highlights: this.#around.highlights,
      onHighlight: (listener) => {
        this.#listening.push(this.#around.highlights.listen(listener));
      },
      copy: this.#around.copy,
      readOnly: this.#around.readOnly,
      pick: (title, from) =>
        this.#around.pick(title, from).catch((error: unknown) => {
          this.#tell(error);
          return [];
        }),
      reference: this.#around.reference(),
      refer: (images) => {
        this.#around.refer(images);
        this.#update();
      },
    };
  }

  #draw(data: Data<Name>): void {
    const refocus = keepFocus(this.element);
    this.#clear();
    const drawing = this.#drawing();
    this.#view.controls?.(this.#controls, drawing, data);
    this.#inPlace = this.#view.draw(this.#picture, data, drawing) ?? undefined;
    if (this.#view.isTable !== true) {
      this.#table.className = this.#asTable ? 'behind' : 'behind visually-hidden';
      this.#table.tabIndex = this.#asTable ? 0 : -1;
      this.#table.append(drawSheet(this.#view.title, this.#view.sheet(data, this.#options)));
    }
    this.#tools.hidden = false;
    refocus();
  }

  #idle(): void {
    const refocus = keepFocus(this.element);
    this.#clear();
    this.#note.replaceChildren();
    const drawing = this.#drawing();
    this.#view.controls?.(this.#controls, drawing, undefined);
    this.#view.idle?.(this.#picture, drawing);
    this.#tools.hidden = true;
    refocus();
  }

  #wait(): void {
    const refocus = keepFocus(this.element);
    this.#clear();
    this.#note.replaceChildren();
    this.#tools.hidden = true;
    this.#view.controls?.(this.#controls, this.#drawing(), undefined);
    this.#picture.append(
      make('p', { class: 'visually-hidden', role: 'status' }, `${this.#view.title} is being computed`),
    );
    const bones = make('div', { class: 'waiting' });
    this.#picture.append(bones);
    if (this.#view.bones) this.#view.bones(bones, this.#options);
    else bones.append(make('div', { class: 'bones', 'aria-hidden': 'true' }));
    refocus();
  }

  #fail(error: unknown): void {
    this.#picture.querySelector('.waiting')?.remove();
    this.#tell(error);
    if (this.#around.readOnly) return;
    const again = action('Try again', () => {
      this.#note.replaceChildren();
      this.#update();
    });
    this.#note.append(again);
  }

  #tell(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#note.replaceChildren(make('p', { class: 'failure', role: 'alert' }, message));
  }

  #clear(): void {
    this.#around.tooltip.hide();
    for (const end of this.#listening.splice(0)) end();
    this.#inPlace = undefined;
    this.#controls.replaceChildren();
    this.#picture.replaceChildren();
    this.#table.replaceChildren();
  }
}

/**
 * One view's place: its heading, its explanation, its controls, its picture and the table behind it. Owns the view's
 * request: asked when the view is opened or its options change, cancelled when it is left, told in place when it fails.
 */
import type { LensView } from '@clipcap/protocol/lens';
import type { PickedImage, PickSource, SavedFormat } from '@clipcap/protocol/panel';
import { action, tick } from './controls.js';
import { exportTools } from './exportTools.js';
import type { Highlights } from './highlights.js';
import { make } from './make.js';
import { readPalette } from './palette.js';
import { drawSheet } from './sheet.js';
import type { Tooltip } from './tooltip.js';
import type { Data, Drawing, Params, Shown, View } from './views/view.js';

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
    general: (kept) => {
      const ofCaption: readonly string[] = view.ofCaption ?? [];
      return Object.fromEntries(Object.entries(kept).filter(([name]) => !ofCaption.includes(name)));
    },
  };
}

class ViewPane<Name extends LensView, Options extends object> implements Pane {
  readonly element = make('section', { class: 'pane' });
  readonly #view: View<Name, Options>;
  readonly #around: Around;
  readonly #controls = make('div', { class: 'controls' });
  readonly #tools = make('div', { class: 'tools' });
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

  constructor(view: View<Name, Options>, around: Around) {
    this.#view = view;
    this.#around = around;
    this.#options = restored(view.defaults, around.kept(view.name));
    this.element.append(this.#heading(), this.#controls, this.#note, this.#picture, this.#table);
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
    const params = this.#around.readOnly ? {} : this.#view.params(this.#options);
    const reference = this.#view.usesReference === true ? this.#around.reference().map(({ uri }) => uri) : [];
    const key = params && JSON.stringify([params, reference]);
    if (params === undefined || key === undefined) {
      this.leave();
      this.#data = undefined;
      this.#key = undefined;
      this.#idle();
    } else if (key === this.#key && this.#data !== undefined) {
      this.leave();
      this.#note.replaceChildren();
      this.#draw(this.#data);
    } else if (key === this.#asked) {
      this.redraw();
    } else {
      void this.#ask(key, params, reference);
    }
  }

  async #ask(key: string, params: Params<Name>, reference: readonly string[]): Promise<void> {
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
        this.#update();
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
    const focused = this.#focused();
    this.#clear();
    const drawing = this.#drawing();
    this.#view.controls?.(this.#controls, drawing, data);
    this.#view.draw(this.#picture, data, drawing);
    if (this.#view.isTable !== true) {
      this.#table.className = this.#asTable ? 'behind' : 'behind visually-hidden';
      this.#table.tabIndex = this.#asTable ? 0 : -1;
      this.#table.append(drawSheet(this.#view.title, this.#view.sheet(data, this.#options)));
    }
    this.#tools.hidden = false;
    if (focused !== undefined) this.#refocus(focused);
  }

  #idle(): void {
    const focused = this.#focused();
    this.#clear();
    this.#note.replaceChildren();
    const drawing = this.#drawing();
    this.#view.controls?.(this.#controls, drawing, undefined);
    this.#view.idle?.(this.#picture, drawing);
    this.#tools.hidden = true;
    if (focused !== undefined) this.#refocus(focused);
  }

  #wait(): void {
    const focused = this.#focused();
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
    if (focused !== undefined) this.#refocus(focused);
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
    this.#controls.replaceChildren();
    this.#picture.replaceChildren();
    this.#table.replaceChildren();
  }

  #focused(): string | undefined {
    const focused = this.element.contains(document.activeElement) ? document.activeElement : null;
    return focused instanceof HTMLElement ? focused.dataset['control'] : undefined;
  }

  #refocus(control: string): void {
    for (const element of this.element.querySelectorAll<HTMLElement>('[data-control]')) {
      if (element.dataset['control'] === control) {
        element.focus({ preventScroll: true });
        return;
      }
    }
  }

  #heading(): HTMLElement {
    const { title, help, name } = this.#view;
    const id = `help-${name}`;
    const text = make(
      'div',
      { class: 'help', id, hidden: true },
      make('p', {}, help.shows),
      make('p', {}, help.computed),
      make('p', {}, make('strong', {}, 'What it does not prove. '), help.limits),
    );
    const question = make('button', {
      type: 'button',
      class: 'question',
      'aria-expanded': 'false',
      'aria-controls': id,
      'aria-label': `About ${title}`,
    });
    question.textContent = '?';
    question.addEventListener('click', () => {
      text.hidden = !text.hidden;
      question.setAttribute('aria-expanded', String(!text.hidden));
    });
    if (this.#view.isTable !== true) {
      this.#tools.append(
        tick('Show as table', false, (on) => {
          this.#asTable = on;
          this.redraw();
        }),
      );
    }
    this.#tools.append(
      ...exportTools(name, {
        picture: () => this.#picture,
        sheet: () => (this.#data === undefined ? undefined : this.#view.sheet(this.#data, this.#options)),
        data: () => this.#data,
        copy: this.#around.copy,
        save: this.#around.save,
      }),
    );
    this.#tools.hidden = true;
    return make(
      'div',
      { class: 'pane-heading' },
      make('h2', { class: 'small-heading' }, title),
      question,
      this.#tools,
      text,
    );
  }
}

/** Defaults, with what was kept where it is of the same type. */
function restored<Options extends object>(defaults: Options, kept: unknown): Options {
  if (typeof kept !== 'object' || kept === null) return defaults;
  const given = new Map<string, unknown>(Object.entries(kept));
  const sane = Object.entries(defaults).filter(([key, value]) => {
    const other = given.get(key);
    return typeof other === typeof value && Array.isArray(other) === Array.isArray(value) && other !== null;
  });
  return { ...defaults, ...Object.fromEntries(sane.map(([key]) => [key, given.get(key)])) };
}

/**
 * One view at work: its options and its request, asked when the view is opened or its options change, cancelled when it
 * is left, told in place when it fails.
 */
import type { LensView } from '@clipcap/protocol/lens';
import type { Picked, PickedImage, PickSource, SavedFormat } from '@clipcap/protocol/panel';
import type { Highlights } from './highlights.js';
import { optionsForAnother, restored } from './keptOptions.js';
import { readPalette } from './palette.js';
import { PanePlace } from './panePlace.js';
import type { Tooltip } from './tooltip.js';
import type { Data, Drawing, Params, Shown, View } from './views/view.js';

/** What a pane needs of the lens around it. */
export interface Around {
  readonly tooltip: Tooltip;
  readonly highlights: Highlights;
  readonly copy: (text: string) => Promise<void>;
  readonly save: (name: string, format: SavedFormat, content: string) => Promise<boolean>;
  /** Nothing can be asked but what is there: options do not change what is asked. */
  readonly readOnly: boolean;
  readonly pick: (title: string, from: PickSource) => Promise<Picked>;
  readonly pickPack: (title: string) => Promise<string>;
  readonly thumbnail: (uri: string, signal: AbortSignal) => Promise<string>;
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
  readonly #view: View<Name, Options>;
  readonly #around: Around;
  readonly #place: PanePlace<Name, Options>;
  #options: Options;
  #image: Shown | undefined;
  #data: Data<Name> | undefined;
  /** What was asked to get the data, as text. */
  #key: string | undefined;
  #asked: string | undefined;
  #run: AbortController | undefined;
  /** What is to be said once what the user chose is taken. */
  #remark = '';

  constructor(view: View<Name, Options>, around: Around) {
    this.#view = view;
    this.#around = around;
    this.#options = restored(view.defaults, around.kept(view.name));
    this.#place = new PanePlace(view, around.tooltip, {
      sheet: () => (this.#data === undefined ? undefined : view.sheet(this.#data, this.#options)),
      data: () => this.#data,
      copy: around.copy,
      save: around.save,
      redraw: () => {
        this.redraw();
      },
    });
  }

  get view(): LensView {
    return this.#view.name;
  }

  get title(): string {
    return this.#view.title;
  }

  get element(): HTMLElement {
    return this.#place.element;
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
    if (this.#data !== undefined) this.#place.draw(this.#data, this.#drawing());
  }

  #update(): void {
    const asked = this.#wanted();
    if (asked === undefined) {
      this.leave();
      this.#data = undefined;
      this.#key = undefined;
      this.#place.idle(this.#drawing());
    } else if (asked.key === this.#key && this.#data !== undefined) {
      this.leave();
      this.#place.forgetFailure();
      this.redraw();
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

  async #ask({ key, params, reference }: Wanted<Name>): Promise<void> {
    this.leave();
    const result = this.#image?.result;
    const before = this.#data ?? (result && this.#view.early?.(result));
    if (before === undefined) this.#place.wait(this.#drawing());
    else this.#place.draw(before, this.#drawing());
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
      this.#place.forgetFailure();
      this.redraw();
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

  #fail(error: unknown): void {
    const again = (): void => {
      this.#place.forgetFailure();
      this.#update();
    };
    this.#place.fail(error, this.#around.readOnly ? undefined : again);
  }

  #change(options: Partial<Options>): void {
    this.#options = { ...this.#options, ...options };
    this.#around.keep(this.#view.name, this.#options);
    this.#tellRemark();
    const sameData = this.#run === undefined && this.#wanted()?.key === this.#key;
    if (!sameData || !this.#place.change(this.#options)) this.#update();
  }

  #drawing(): Drawing<Options> {
    if (!this.#image) throw new Error('a view is drawn for an image');
    return {
      options: this.#options,
      change: (options) => {
        this.#change(options);
      },
      image: this.#image,
      palette: readPalette(this.element),
      tooltip: this.#around.tooltip,
      highlights: this.#around.highlights,
      onHighlight: (listener) => {
        this.#place.whenCleared(this.#around.highlights.listen(listener));
      },
      copy: this.#around.copy,
      readOnly: this.#around.readOnly,
      thumbnail: (uri) => this.#around.thumbnail(uri, this.#place.cleared),
      pick: (title, from) => this.#pick(title, from),
      pickPack: (title) => this.#pickPack(title),
      reference: this.#around.reference(),
      refer: (images) => {
        this.#around.refer(images);
        this.#tellRemark();
        this.#update();
      },
    };
  }

  async #pick(title: string, from: PickSource): Promise<readonly PickedImage[]> {
    try {
      const { images, note } = await this.#around.pick(title, from);
      this.#remark = note ?? '';
      return images;
    } catch (error) {
      this.#place.complain(error);
      return [];
    }
  }

  async #pickPack(title: string): Promise<string> {
    try {
      return await this.#around.pickPack(title);
    } catch (error) {
      this.#place.complain(error);
      return '';
    }
  }

  #tellRemark(): void {
    this.#place.tell(this.#remark);
    this.#remark = '';
  }
}

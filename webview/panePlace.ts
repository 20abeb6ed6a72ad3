/**
 * Where one view is: its heading, its controls, what is told about it, its picture, and the table behind that. Draws what
 * it is given, in place of what was there before.
 */
import type { LensView } from '@clipcap/protocol/lens';
import { action } from './controls.js';
import type { Exported } from './exportTools.js';
import { keepFocus } from './focus.js';
import { make } from './make.js';
import { makeHeading } from './paneHeading.js';
import { drawSheet } from './sheet.js';
import type { Tooltip } from './tooltip.js';
import type { Change, Data, Drawing, View } from './views/view.js';

interface Taken extends Omit<Exported, 'picture'> {
  readonly redraw: () => void;
}

export class PanePlace<Name extends LensView, Options extends object> {
  readonly element = make('section', { class: 'pane' });
  readonly #view: View<Name, Options>;
  readonly #tooltip: Tooltip;
  readonly #controls = make('div', { class: 'controls' });
  readonly #tools: HTMLElement;
  readonly #told = make('p', { class: 'told', role: 'status' });
  readonly #failure = make('div', { class: 'note' });
  readonly #picture = make('div', { class: 'picture' });
  readonly #table = make('div', { class: 'behind' });
  #asTable = false;
  /** Of the picture that is there. */
  #inPlace: Change<Options> | undefined;
  #drawn = new AbortController();

  constructor(view: View<Name, Options>, tooltip: Tooltip, { redraw, ...exported }: Taken) {
    this.#view = view;
    this.#tooltip = tooltip;
    const { heading, tools } = makeHeading(view, {
      ...exported,
      picture: () => this.#picture,
      showAsTable: (on) => {
        this.#asTable = on;
        redraw();
      },
    });
    this.#tools = tools;
    this.element.append(heading, this.#controls, this.#told, this.#failure, this.#picture, this.#table);
    this.element.dataset['view'] = view.name;
    this.#picture.style.minHeight = `${view.room}px`;
  }

  /** Aborted when what is drawn makes way. */
  get cleared(): AbortSignal {
    return this.#drawn.signal;
  }

  whenCleared(end: () => void): void {
    this.#drawn.signal.addEventListener('abort', end, { once: true });
  }

  draw(data: Data<Name>, drawing: Drawing<Options>): void {
    this.#anew(drawing, data, () => {
      this.#inPlace = this.#view.draw(this.#picture, data, drawing) ?? undefined;
      if (this.#view.isTable !== true) {
        this.#table.className = this.#asTable ? 'behind' : 'behind visually-hidden';
        this.#table.tabIndex = this.#asTable ? 0 : -1;
        this.#table.append(drawSheet(this.#view.title, this.#view.sheet(data, drawing.options)));
      }
      this.#tools.hidden = false;
    });
  }

  /** Brings the picture that is there to other options of the same data, if it can; whether it did. */
  change(options: Options): boolean {
    return this.#inPlace?.(options) === true;
  }

  /** There is nothing to ask for. */
  idle(drawing: Drawing<Options>): void {
    this.#anew(drawing, undefined, () => {
      this.forgetFailure();
      this.#view.idle?.(this.#picture, drawing);
    });
  }

  /** Keeps the room of a picture that is on its way. */
  wait(drawing: Drawing<Options>): void {
    this.#anew(drawing, undefined, () => {
      this.forgetFailure();
      this.#picture.append(
        make('p', { class: 'visually-hidden', role: 'status' }, `${this.#view.title} is being computed`),
      );
      const bones = make('div', { class: 'waiting' });
      this.#picture.append(bones);
      if (this.#view.bones) this.#view.bones(bones, drawing.options);
      else bones.append(make('div', { class: 'bones', 'aria-hidden': 'true' }));
    });
  }

  /** Says what went wrong, and offers to try again if that can help. */
  fail(error: unknown, again: (() => void) | undefined): void {
    this.#picture.querySelector('.waiting')?.remove();
    this.complain(error);
    if (again) this.#failure.append(action('Try again', again));
  }

  /** Says what went wrong with something that the picture does not depend on. */
  complain(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#failure.replaceChildren(make('p', { class: 'failure', role: 'alert' }, message));
  }

  forgetFailure(): void {
    this.#failure.replaceChildren();
  }

  tell(text: string): void {
    this.#told.textContent = text;
  }

  #anew(drawing: Drawing<Options>, data: Data<Name> | undefined, draw: () => void): void {
    const refocus = keepFocus(this.element);
    this.#tooltip.hide();
    this.#drawn.abort();
    this.#drawn = new AbortController();
    this.#inPlace = undefined;
    this.#controls.replaceChildren();
    this.#picture.replaceChildren();
    this.#table.replaceChildren();
    this.#tools.hidden = true;
    this.#view.controls?.(this.#controls, drawing, data);
    draw();
    refocus();
  }
}

/** What a view of the lens is: what it asks for, how it draws the answer, and what it says about itself. */
import type { CaptionResult } from '@clipcap/protocol/caption';
import type { LensView, LensViews } from '@clipcap/protocol/lens';
import type { PanelImage, PickedImage, PickSource } from '@clipcap/protocol/panel';
import type { Highlight, Highlights } from '../highlights.js';
import type { Palette } from '../palette.js';
import type { Sheet } from '../sheet.js';
import type { Tooltip } from '../tooltip.js';

export type Params<Name extends LensView> = LensViews[Name]['params'];
export type Data<Name extends LensView> = LensViews[Name]['data'];

/** The image that a lens is about; width and height are those of the upright image, where they are known. */
export interface Shown extends PanelImage {
  readonly width?: number;
  readonly height?: number;
  readonly result?: CaptionResult;
}

/** What a view draws with. */
export interface Drawing<Options> {
  readonly options: Options;
  /** Changes options; the view is drawn anew, and asked anew if what it asks for has changed. */
  readonly change: (options: Partial<Options>) => void;
  readonly image: Shown;
  readonly palette: Palette;
  readonly tooltip: Tooltip;
  readonly highlights: Highlights;
  /** Listens to highlights until the view is drawn anew. */
  readonly onHighlight: (listener: (highlight: Highlight) => void) => void;
  readonly copy: (text: string) => Promise<void>;
  /** Nothing can be asked: a report of what was computed. */
  readonly readOnly: boolean;
  /** A small picture of another image, as a data URI. */
  readonly thumbnail: (uri: string) => Promise<string>;
  /** Lets the user choose images; none if the user does not, or if they cannot be had, which the view's place then tells. */
  readonly pick: (title: string, from: PickSource) => Promise<readonly PickedImage[]>;
  /** Lets the user choose the folder of a model pack; empty if the user does not. */
  readonly pickPack: (title: string) => Promise<string>;
  /** Images that stand for "every image" instead of the pack's statistics, for all views. */
  readonly reference: readonly PickedImage[];
  readonly refer: (images: readonly PickedImage[]) => void;
}

/**
 * Brings a picture to other options of the same data, in place; false if it has to be drawn anew. Only for options whose
 * controls show by themselves what they are set to.
 */
export type Change<Options> = (options: Options) => boolean;

export interface View<Name extends LensView, Options extends object> {
  readonly name: Name;
  readonly title: string;
  readonly help: { readonly shows: string; readonly computed: string; readonly limits: string };
  readonly defaults: Options;
  /** Options that speak of one caption's tokens: they do not hold for another image. */
  readonly ofCaption?: readonly (keyof Options & string)[];
  /** Room that is kept while the data is on its way, in pixels. */
  readonly room: number;
  /** What to ask for; undefined: nothing yet. */
  readonly params: (options: Options) => Params<Name> | undefined;
  /** Whether its answer depends on which images stand for "every image". */
  readonly usesReference?: true;
  /** What keeps the room of a picture that is on its way; otherwise a plain block does. */
  readonly bones?: (place: HTMLElement, options: Options) => void;
  /** What can be drawn before the answer is there. */
  readonly early?: (result: CaptionResult) => Data<Name>;
  readonly controls?: (line: HTMLElement, drawing: Drawing<Options>, data: Data<Name> | undefined) => void;
  /** Draws into an empty place. */
  readonly draw: (place: HTMLElement, data: Data<Name>, drawing: Drawing<Options>) => Change<Options> | void;
  /** What stands in the place when there is nothing to ask for. */
  readonly idle?: (place: HTMLElement, drawing: Drawing<Options>) => void;
  readonly sheet: (data: Data<Name>, options: Options) => Sheet;
  /** Its picture is a table itself. */
  readonly isTable?: boolean;
}

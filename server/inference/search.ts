/**
 * What every search for captions has in common: a language model that is stepped for many images and hypotheses at
 * once, the forced beginning, and the longest length. What to keep at each step is the business of an `ImageSearch`.
 */
import { logProbOf, type ScoredToken } from './logProbs.js';

/** A language model that continues captions; rows are those of the call before. */
export interface Steps {
  /** Logits [N,V] of the first token, a row for each image. */
  first(): Promise<Float32Array>;
  /** Continues row `rows[i]` of the step before with `tokens[i]`; logits [rows.length,V]. */
  next(rows: readonly number[], tokens: readonly number[]): Promise<Float32Array>;
}

export interface SearchOptions {
  readonly images: number;
  readonly vocabulary: number;
  /** A caption ends with one of these; it stays in the caption. */
  readonly stopTokens: readonly number[];
  readonly maxTokens: number;
  /** No stop token is taken for a caption that would be shorter than this. Default 1. */
  readonly minTokens?: number;
  /** What every caption begins with. These tokens end no caption. Default: nothing. */
  readonly begin?: readonly number[];
  readonly considered?: Observer | undefined;
}

/** A caption in the making. */
export interface Hypothesis {
  readonly tokens: readonly ScoredToken[];
  /** Sum of the tokens' log-probabilities. */
  readonly sum: number;
  /** Its row in the step that made its last token. */
  readonly row: number;
  /** What it continues; absent at a root. */
  readonly parent?: Hypothesis;
}

/** What a search had before it at one step, and what it did with it. */
export interface Considered {
  readonly hypothesis: Hypothesis;
  readonly state: 'kept' | 'pruned' | 'finished';
}

export interface FoundCaption {
  /** With the forced beginning, and with the stop token unless the caption was cut at `maxTokens`. */
  readonly tokens: readonly ScoredToken[];
  /** Mean log-probability of the tokens. */
  readonly score: number;
}

/** One image's search. It begins with one hypothesis, which is not its own to step: the prefix and what is forced. */
export interface ImageSearch {
  /** What the next step continues; empty once the search is over. */
  readonly live: readonly Hypothesis[];
  /** The best so far, for who watches. */
  readonly best: Hypothesis | undefined;
  /** Chooses among the continuations; `live[i]` is continued by row `firstRow + i` of the logits [R,V]. */
  advance(logits: Float32Array, firstRow: number): void;
  /** What was found, best first; what is still alive was cut at the longest length. */
  captions(): FoundCaption[];
}

/** Told after every step of an image's search what it considered, best first. */
export type Observer = (image: number, step: readonly Considered[]) => void;

/** Told after every step how the best caption of an image that is not finished begins. */
export type Grown = (image: number, tokens: readonly ScoredToken[]) => void;

/**
 * @param checkpoint awaited before every step; what it throws ends the search
 * @returns for each image its captions, best first
 */
export async function search(
  steps: Steps,
  options: SearchOptions,
  checkpoint: () => Promise<void>,
  grown: Grown | undefined,
  begin: (root: Hypothesis, image: number) => ImageSearch,
): Promise<FoundCaption[][]> {
  const { images, maxTokens, vocabulary } = options;
  const forced = options.begin ?? [];
  await checkpoint();
  let logits = await steps.first();
  let roots = Array.from({ length: images }, (_, row): Hypothesis => ({ tokens: [], sum: 0, row }));
  const step = async (continued: readonly Hypothesis[]): Promise<void> => {
    await checkpoint();
    logits = await steps.next(
      continued.map(({ row }) => row),
      continued.map(({ tokens }) => tokens.at(-1)!.id),
    );
  };
  for (const id of forced) {
    roots = roots.map((root, row) => extend(root, { id, logProb: logProbOf(logits, row, vocabulary, id) }, row));
    await step(roots);
  }
  const searches = roots.map(begin);
  for (let length = forced.length + 1; ; length++) {
    let row = 0;
    for (const [image, one] of searches.entries()) {
      const rows = one.live.length;
      if (rows === 0) continue;
      one.advance(logits, row);
      row += rows;
      if (grown && one.best) grown(image, one.best.tokens);
    }
    const live = searches.flatMap((one) => one.live);
    if (live.length === 0 || length >= maxTokens) break;
    await step(live);
  }
  return searches.map((one) => one.captions());
}

export function extend(hypothesis: Hypothesis, token: ScoredToken, row: number): Hypothesis {
  return { tokens: [...hypothesis.tokens, token], sum: hypothesis.sum + token.logProb, row, parent: hypothesis };
}

/** Tokens that must not continue a hypothesis: those that would end it too early. */
export function forbidden({ tokens }: Hypothesis, { stopTokens, minTokens = 1 }: SearchOptions): readonly number[] {
  return tokens.length + 1 < minTokens ? stopTokens : [];
}

/** Whether a hypothesis ends with its last token. The root and its forced beginning do not. */
export function isFinished({ tokens }: Hypothesis, { stopTokens, begin = [] }: SearchOptions): boolean {
  const last = tokens.at(-1);
  return last !== undefined && tokens.length > begin.length && stopTokens.includes(last.id);
}

export function toCaption({ tokens, sum }: Hypothesis): FoundCaption {
  return { tokens, score: sum / tokens.length };
}

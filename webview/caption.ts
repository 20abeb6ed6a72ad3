/** What was said about the image: the caption, token by token, how sure the model was of its wording, and what made it. */
import { format, select, sum, type Selection } from 'd3';
import { captionWords, type Caption, type CaptionResult, type TokenScore } from '@clipcap/protocol/caption';
import type { Highlights } from './highlights.js';
import { pointsTo } from './pointing.js';
import { roveFocus } from './roving.js';
import type { Tooltip } from './tooltip.js';

export interface CaptionActions {
  copy(text: string): Promise<void>;
  retry(): void;
}

type Part = Selection<HTMLElement, unknown, null, undefined>;
type Line = Selection<HTMLDivElement, unknown, null, undefined>;

const twoDigits = format('.2f');
const confidenceMeaning = [
  'Confidence in the wording',
  'exp(score): the geometric mean of the probabilities that the model gave to its own tokens.',
  'It is not the probability that the caption is true.',
];

/** Marks the token that is lit up, of whichever caption is drawn in `parent`. */
export function markTokens(parent: HTMLElement, highlights: Highlights): void {
  highlights.listen(({ token }) => {
    select(parent)
      .selectAll('.token')
      .classed('lit', (_token, index) => index === token);
  });
}

/** Says in `parent` that the caption of a file is on its way. */
export function drawPending(parent: HTMLElement, name: string): void {
  const about = drawName(parent, name);
  about.append('h1').attr('class', 'caption pending').attr('role', 'status').text('Captioning…');
}

/** Says in `parent` that there is no image, and how to get one. */
export function drawEmpty(parent: HTMLElement): void {
  const about = drawName(parent, '');
  about.append('h1').attr('class', 'caption').text('No image');
  about.append('p').attr('role', 'status').text('Choose “ClipCap: Inspect Prefix” for the image to be shown here.');
}

/** Says in `parent` why a file has no caption, and offers to try again. */
export function drawFailure(parent: HTMLElement, name: string, message: string, actions: CaptionActions): void {
  const about = drawName(parent, name);
  about.append('h1').attr('class', 'caption').text('No caption');
  about.append('p').attr('class', 'failure').attr('role', 'alert').text(message);
  const buttons = about.append('div').attr('class', 'actions');
  buttons
    .append('button')
    .attr('type', 'button')
    .text('Try again')
    .on('click', () => {
      actions.retry();
    });
}

/** Draws a result's captions and facts into `parent`, in place of what was there. */
export function drawCaption(
  parent: HTMLElement,
  name: string,
  { model, title, image }: CaptionResult,
  tooltip: Tooltip,
  actions: CaptionActions,
  highlights: Highlights,
): void {
  const about = drawName(parent, name);
  const [best, ...others] = image.captions;
  if (best !== undefined) {
    drawTokens(about, best, tooltip, highlights);
    const line = about.append('div').attr('class', 'actions');
    drawConfidence(line, best, tooltip);
    drawCopy(line, best.text, actions);
  }
  if (others.length > 0) {
    about.append('p').attr('class', 'small-heading').text('Other captions');
    const items = about.append('ol').attr('class', 'others').selectAll('li').data(others).join('li');
    items.append('span').text(captionWords);
    items
      .append('span')
      .attr('class', 'quiet')
      .text(({ score }) => ` ${twoDigits(Math.exp(score))}`);
  }
  const { decode, preprocess, encode, map, generate, interpret } = image.timings;
  const steps = { decode, preprocess, encode, map, generate, 'nearest words': interpret };
  const total = sum(Object.values(steps));
  const each = Object.entries(steps)
    .map(([step, time]) => `${step} ${shortTime(time)}`)
    .join(' · ');
  const facts = [
    [
      'model',
      `${title}: ${model.encoder} → ${model.mapper} → ${model.prefixLength} × ${model.width}, ${dtypeWords(model.dtype)}`,
    ],
    ['provider', model.provider],
    ['image', `${image.width} × ${image.height} px`],
    // A report does not keep how long it took.
    ...(total > 0 ? ([['time', `${shortTime(total)} ms (${each})`]] as const) : []),
  ] as const;
  const list = about.append('dl').attr('class', 'facts').selectAll('div').data(facts).join('div');
  list.append('dt').text(([term]) => term);
  list.append('dd').text(([, value]) => value);
}

function dtypeWords(dtype: string): string {
  return dtype === 'mixed' ? 'weights of mixed precision' : `${dtype} weights`;
}

function drawName(parent: HTMLElement, name: string): Part {
  const about = select(parent);
  about.selectChildren().remove();
  about.append('p').attr('class', 'file').attr('title', name).text(name);
  return about;
}

/** The caption as a heading; where its tokens spell it, each is underlined the stronger the likelier it was. */
function drawTokens(about: Part, caption: Caption, tooltip: Tooltip, highlights: Highlights): void {
  const heading = about.append('h1').attr('class', 'caption');
  const spelled = spellingTokens(caption);
  if (spelled === undefined || spelled.length === 0) {
    heading.text(captionWords(caption));
    return;
  }
  const tokens = heading
    .selectAll<HTMLSpanElement, TokenScore>('span')
    .data(spelled)
    .join('span')
    .attr('class', 'token')
    .classed('lit', (_token, index) => index === highlights.current.token)
    .style('--probability', ({ logProb }) => `${Math.max(6, 100 * Math.exp(logProb))}%`)
    .text(({ text }, index) => (index === 0 ? text.trimStart() : text));
  tokens.each(function ({ id, text, logProb }, index) {
    const lines = (): readonly string[] => [
      `${JSON.stringify(text)}  token ${id}`,
      `probability ${format('.3f')(Math.exp(logProb))} (log ${twoDigits(logProb)})`,
    ];
    pointsTo(this, { token: index }, highlights, { tooltip, lines });
  });
  const nodes = tokens.nodes();
  roveFocus(nodes, (key, index) =>
    key === 'ArrowRight' ? nodes[index + 1] : key === 'ArrowLeft' ? nodes[index - 1] : undefined,
  );
}

/** The tokens whose texts make up the caption (a stop token may follow them); undefined if texts alone do not. */
function spellingTokens({ text, tokens }: Caption): readonly TokenScore[] | undefined {
  return [tokens, tokens.slice(0, -1)].find(
    (some) =>
      some
        .map((token) => token.text)
        .join('')
        .trim() === text,
  );
}

function drawConfidence(line: Line, { score }: Caption, tooltip: Tooltip): void {
  const confidence = Math.exp(score);
  const part = line
    .append('button')
    .attr('type', 'button')
    .attr('class', 'confidence')
    .on('pointerenter focus', function () {
      tooltip.show(this, confidenceMeaning);
    })
    .on('click', function () {
      tooltip.show(this, confidenceMeaning);
    })
    .on('pointerleave blur', tooltip.hide);
  part.append('span').text('confidence ');
  part.append('strong').text(twoDigits(confidence));
  const meter = part.append('span').attr('class', 'meter').attr('aria-hidden', 'true');
  meter.append('span').style('width', `${100 * confidence}%`);
}

function drawCopy(line: Line, text: string, actions: CaptionActions): void {
  const button = line.append('button').attr('type', 'button').attr('class', 'copy');
  const label = button.append('span').attr('aria-live', 'polite').text('Copy caption');
  const tell = (outcome: string): void => {
    label.text(outcome);
    setTimeout(() => label.text('Copy caption'), 1500);
  };
  button.on('click', () => {
    actions.copy(text).then(
      () => tell('Copied'),
      () => tell('Failed'),
    );
  });
}

function shortTime(milliseconds: number): string {
  return format(milliseconds < 10 ? '.1f' : '.0f')(milliseconds);
}

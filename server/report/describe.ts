/** What the Prefix Lens found, in words for a terminal: the gist of each view, a few lines long. */
import { styleText } from 'node:util';
import {
  lensViews,
  type InspectDocument,
  type LensView,
  type LensViews,
  type WordChange,
} from '@clipcap/protocol/lens';
import { plain } from '../plain.js';

type Describe<View extends LensView> = (data: LensViews[View]['data']) => readonly string[];

const titles: Readonly<Record<LensView, string>> = {
  table: 'Prefix: nearest words of each position (cosine)',
  heatmap: 'Prefix × vocabulary: positions that are most alike',
  map: 'Map of the prefix',
  tokens: 'Caption tokens: probability and alternatives',
  beams: 'Beam search',
  attention: 'Attention: where each row looks most',
  lens: 'Logit lens: what the model would say after each block, before the caption’s first token',
  counterfactuals: 'Counterfactuals: change of the caption’s log-probability',
  occlusion: 'Where in the image: log-probability that is lost without each cell',
  compare: 'Compared',
  encoder: 'The encoder’s own words',
};

const describe: { readonly [View in LensView]: Describe<View> } = {
  table: ({ positions, joint }) => [
    ...positions.map(
      ({ position, norm, nearest, margin, shared }) =>
        `${position}  norm ${norm.toFixed(2)}  margin ${margin.cosine.toFixed(2)}` +
        `${shared === undefined ? '' : `  shared ${shared.toFixed(2)}`}  ` +
        nearest.cosine.map(({ text, score }) => `${word(text)} ${score.toFixed(2)}`).join('  '),
    ),
    `read as one text  ${JSON.stringify(plain(joint))}`,
  ],
  heatmap({ similarity }) {
    const pairs = similarity.flatMap((row, a) => row.slice(a + 1).map((value, i) => ({ a, b: a + 1 + i, value })));
    const best = pairs.sort((x, y) => y.value - x.value).slice(0, 3);
    return best.map(({ a, b, value }) => `${a} and ${b}  cosine ${value.toFixed(2)}`);
  },
  map({ projection, positions, tokens, explained }) {
    const texts = new Map(tokens.map(({ id, text }) => [id, text]));
    return [
      `${tokens.length} neighbour words by ${projection}` +
        (explained ? `, ${explained.map(percent).join(' and ')} of the variance` : ''),
      ...positions.map(
        ({ position, x, y, neighbours }) =>
          `${position}  at ${x.toFixed(2)}, ${y.toFixed(2)}  near ${neighbours.map((id) => word(texts.get(id) ?? '')).join('  ')}`,
      ),
    ];
  },
  tokens: ({ tokens }) =>
    tokens.map(
      ({ text, logProb, entropy, alternatives }) =>
        `${word(text)}  ${percent(Math.exp(logProb))}  entropy ${entropy.toFixed(2)}  or ` +
        alternatives
          .slice(0, 4)
          .map((other) => word(other.text))
          .join(' '),
    ),
  beams: ({ beams, steps, captions }) => [
    `${beams} beams, ${steps.length} steps, ${steps.flat().length} continuations considered`,
    ...steps.map((nodes, step) => {
      const kept = nodes.filter(({ state }) => state !== 'pruned');
      const shown = kept.map(
        ({ token, mean, state }) => `${word(token.text)} ${mean.toFixed(2)}${state === 'finished' ? ' (ends)' : ''}`,
      );
      return `step ${step + 1}  ${shown.join('  ')}  and ${nodes.length - kept.length} pruned`;
    }),
    ...captions.map(({ text, score }) => `${plain(text)}  score ${score.toFixed(3)}`),
  ],
  attention: ({ rows, columns, weights, outside }) =>
    rows.map((text, row) => {
      const shares = weights[row]!;
      const best = shares.indexOf(Math.max(...shares));
      return `${word(text)}  position ${columns[best]} ${percent(shares[best]!)}  elsewhere ${percent(outside[row]!)}`;
    }),
  lens({ cells, columns }) {
    const last = columns.filter(({ kind }) => kind === 'prefix').length - 1;
    return cells.map((row, layer) => `${layer}  ${row[last]!.map(({ text }) => word(text)).join('  ')}`);
  },
  counterfactuals: ({ results }) =>
    results.map(
      ({ intervention, change, words }) =>
        `${plain(nameOf(intervention))}  ${change >= 0 ? '+' : ''}${change.toFixed(2)}  ${differences(words)}`,
    ),
  occlusion: ({ values }) =>
    values.map((row) => row.map((value) => (value >= 0 ? ' ' : '') + value.toFixed(2)).join('  ')),
  compare: ({ items, words, collapse, clusters }) => [
    ...items.map(
      ({ label, caption }, i) =>
        `${plain(label)}  ${clusters ? `cluster ${clusters.cluster[i]}  ` : ''}${plain(caption.text)}  ` +
        (i === 0 ? '' : differences(words[i]!)),
    ),
    ...(collapse
      ? [
          `different captions ${percent(collapse.diversity)}, variance between images ${percent(collapse.variance)}, ` +
            `own prefix ${collapse.own.toFixed(2)}, another’s ${collapse.shuffled.toFixed(2)} nats a token`,
        ]
      : []),
  ],
  encoder: ({ of, among, prompt = '', labels }) => [
    ...labels
      .slice(0, 5)
      .map(
        ({ label, probability, cosine }) =>
          `${plain(label)}  ${percent(probability)}${cosine === undefined ? '' : `  cosine ${cosine.toFixed(3)}`}`,
      ),
    of === 'texts' ? `of ${among} labels, each as “${plain(prompt)}”` : `of ${among} classes`,
  ],
};

export function describeDocument(document: InspectDocument, { isTTY }: { readonly isTTY?: boolean }): string {
  const colours = isTTY === true && !process.env['NO_COLOR'];
  const bold = (text: string): string => (colours ? styleText('bold', text, { validateStream: false }) : text);
  const { image, model, views, unavailable = {} } = document;
  const blocks = [[`${plain(image.path)}  ${image.width} × ${image.height}  ${model.id}, ${model.mapper}`]];
  for (const view of lensViews) {
    const lines = linesOf(view, views[view]) ?? [unavailable[view]?.message].filter((text) => text !== undefined);
    if (lines.length > 0) blocks.push([bold(titles[view]), ...lines.map((line) => `  ${line.trimEnd()}`)]);
  }
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function linesOf<View extends LensView>(
  view: View,
  data: LensViews[View]['data'] | undefined,
): readonly string[] | undefined {
  const one: Describe<View> = describe[view];
  return data && one(data);
}

function word(text: string): string {
  return plain(text.trim() === '' ? JSON.stringify(text) : text.trim());
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function nameOf({ kind, ...rest }: { readonly kind: string }): string {
  return [kind, ...Object.values(rest).map(String)].join(' ');
}

function differences(words: readonly WordChange[]): string {
  const shown = { same: '', removed: '−', added: '+' };
  const changed = words.filter(({ kind }) => kind !== 'same').map((one) => `${shown[one.kind]}[${plain(one.words)}]`);
  return changed.length === 0 ? 'the same words' : changed.join(' ');
}

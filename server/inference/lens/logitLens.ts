/** View 6: what the language model would say after each of its blocks (logit lens; nostalgebraist 2020). */
import { captionOf, idsOf } from './captions.js';
import { flag, wholeNumber } from './parameters.js';
import { fitting } from './vectors.js';
import type { Compute } from './view.js';

export const logitLens: Compute<'lens'> = async (context, params) => {
  const { model, image, checkpoint } = context;
  const { prefixLength } = model.manifest.mapper;
  const { layers, vocabulary, context: positions } = model.manifest.languageModel;
  const norm = flag('norm', params.norm, true);
  const asked = Math.min(vocabulary, wholeNumber('top', params.top, [1, 20], 5));
  const caption = await captionOf(context);
  // The last token of the longest caption has no position: nothing is said after it.
  const tokens = caption.tokens.slice(0, positions - prefixLength);
  const insides = await model.decoderInsides;
  const head = await model.head;
  await checkpoint();
  const columns = prefixLength + tokens.length;
  const top = fitting(asked, (layers + 1) * columns);
  const { data } = await insides.look('hidden_states', image.prefix, idsOf({ ...caption, tokens }));
  const found = await head.top(data, top, norm, checkpoint);
  return {
    columns: [
      ...Array.from({ length: prefixLength }, (_, position) => ({ kind: 'prefix' as const, text: String(position) })),
      ...tokens.map(({ text }) => ({ kind: 'token' as const, text })),
    ],
    cells: Array.from({ length: layers + 1 }, (_, layer) =>
      found.slice(layer * columns, (layer + 1) * columns).map((cell) => cell.map((token) => model.tokenScore(token))),
    ),
  };
};

/**
 * `npm run bench`: speed and memory, each figure beside its goal. It measures the built-in pack and the Prefix Lens, or
 * with `--full` a model of the official sizes with random weights. `--only NAME` names sections. `--peer PYTHON` names a
 * Python that has what we are compared with.
 */
import { parseArgs } from 'node:util';
import { benchBuiltin } from './builtin.js';
import { benchFullSize, sections as fullSections } from './full/benchFullSize.js';
import { measurePanel } from './lens/panel.js';
import { measureServer } from './lens/server.js';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    peer: { type: 'string' },
    processes: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true },
    folder: { type: 'string' },
  },
});

const sections: Readonly<Record<string, () => Promise<void>>> = {
  captions: () => benchBuiltin(values.peer),
  lens: async () => {
    await measureServer();
    await measurePanel();
  },
};

if (values.full) {
  await benchFullSize({
    python: values.peer,
    processes: Number(values.processes),
    only: values.only ?? Object.keys(fullSections),
    folder: values.folder,
  });
} else {
  const only = values.only ?? Object.keys(sections);
  const unknown = only.filter((name) => !Object.hasOwn(sections, name));
  if (unknown.length > 0) throw new Error(`--only takes ${Object.keys(sections).join(', ')}; others need --full.`);
  for (const name of only) await sections[name]!();
}

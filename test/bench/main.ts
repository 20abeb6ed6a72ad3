/**
 * `npm run bench`: speed and memory, each figure beside its goal. It measures the built-in pack, or with `--full` a model
 * of the official sizes with random weights. `--peer PYTHON` names a Python that has what we are compared with.
 */
import { parseArgs } from 'node:util';
import { benchBuiltin } from './builtin.js';
import { benchFullSize, sections } from './full/benchFullSize.js';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    peer: { type: 'string' },
    processes: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true, default: Object.keys(sections) },
    folder: { type: 'string' },
  },
});
if (values.full) {
  await benchFullSize({
    python: values.peer,
    processes: Number(values.processes),
    only: values.only,
    folder: values.folder,
  });
} else {
  await benchBuiltin(values.peer);
}

/** Imported before modules of `client/`, which get a fake (`fakeVscode.ts`) in the place of the editor's API. */
import { register } from 'node:module';

const fake = new URL('fakeVscode.js', import.meta.url).href;
const hooks = `export const resolve = (name, context, next) =>
  name === 'vscode' ? { url: ${JSON.stringify(fake)}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

/** What stands above every view: its title, the "?" that opens its explanation, and the tools that take it out. */
import { tick } from './controls.js';
import { exportTools, type Exported } from './exportTools.js';
import { make } from './make.js';

interface Titled {
  readonly name: string;
  readonly title: string;
  readonly help: { readonly shows: string; readonly computed: string; readonly limits: string };
  readonly isTable?: boolean;
}

interface Tools extends Exported {
  readonly showAsTable: (on: boolean) => void;
}

/** The tools are hidden until there is something to take out. */
export function makeHeading(
  { name, title, help, isTable }: Titled,
  { showAsTable, ...exported }: Tools,
): { readonly heading: HTMLElement; readonly tools: HTMLElement } {
  const id = `help-${name}`;
  const text = make(
    'div',
    { class: 'help', id, hidden: true },
    make('p', {}, help.shows),
    make('p', {}, help.computed),
    make('p', {}, make('strong', {}, 'What it does not prove. '), help.limits),
  );
  const question = make(
    'button',
    {
      type: 'button',
      class: 'question',
      'aria-expanded': 'false',
      'aria-controls': id,
      'aria-label': `About ${title}`,
    },
    '?',
  );
  question.addEventListener('click', () => {
    text.hidden = !text.hidden;
    question.setAttribute('aria-expanded', String(!text.hidden));
  });
  const tools = make('div', { class: 'tools', hidden: true });
  if (isTable !== true) tools.append(tick('Show as table', false, showAsTable));
  tools.append(...exportTools(name, exported));
  const heading = make(
    'div',
    { class: 'pane-heading' },
    make('h2', { class: 'small-heading' }, title),
    question,
    tools,
    text,
  );
  return { heading, tools };
}

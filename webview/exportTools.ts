/** The buttons that take a view out of the panel: its picture as SVG or PNG, its numbers as CSV or JSON, or copied. */
import type { SavedFormat } from '@clipcap/protocol/panel';
import { make } from './make.js';
import { toPng, toSvg } from './picture.js';
import { toCsv, type Sheet } from './sheet.js';

export interface Exported {
  readonly picture: () => HTMLElement;
  readonly sheet: () => Sheet | undefined;
  readonly data: () => unknown;
  readonly copy: (text: string) => Promise<void>;
  readonly save: (name: string, format: SavedFormat, content: string) => Promise<boolean>;
}

export function exportTools(name: string, { picture, sheet, data, copy, save }: Exported): readonly HTMLElement[] {
  const csv = (): string => toCsv(sheet() ?? { columns: [], rows: [] });
  const contents: Readonly<Record<SavedFormat, () => string | Promise<string>>> = {
    svg: () => toSvg(picture()),
    png: () => toPng(picture()),
    csv,
    json: () => JSON.stringify(data(), null, 2),
  };
  const buttons = Object.entries(contents).map(([format, content]) => {
    const label = format.toUpperCase();
    const button = make('button', { type: 'button', class: 'tool', title: `Save as ${label}` }, label);
    button.addEventListener('click', () => {
      void deliver(button, label, async () => save(name, asFormat(format), await content()));
    });
    return button;
  });
  const copying = make('button', { type: 'button', class: 'tool', title: 'Copy the numbers as CSV' }, 'Copy');
  copying.addEventListener('click', () => {
    void deliver(copying, 'Copy', async () => copy(csv()));
  });
  return [make('span', { class: 'tool-group', role: 'group', 'aria-label': 'Export' }, ...buttons, copying)];
}

/**
 * Says on the button for a moment what became of it, then its label again.
 * @param act false if the user did not want it after all
 */
export async function deliver(
  button: HTMLButtonElement,
  label: string,
  act: () => Promise<boolean | void>,
): Promise<void> {
  button.disabled = true;
  const outcome = await act().then(
    (done) => (done === false ? label : 'Done'),
    () => 'Failed',
  );
  button.disabled = false;
  button.textContent = outcome;
  setTimeout(() => {
    button.textContent = label;
  }, 1500);
}

function asFormat(text: string): SavedFormat {
  return text === 'png' || text === 'csv' || text === 'json' ? text : 'svg';
}

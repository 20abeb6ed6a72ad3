/** What axe-core complains about on a page, by the rules of WCAG 2.1 A and AA. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from './browser.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Each violated rule with the first element that violates it. */
export async function axeViolations(page: Page): Promise<string[]> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- playwright runs a script's text, too
  await page.evaluate(axe as never);
  return page.evaluate(async () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- axe-core is in the page, without types
    const { axe: loaded } = globalThis as unknown as {
      axe: { run: (options: object) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const result = await loaded.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] });
    return result.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)}`);
  });
}

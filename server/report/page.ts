/** A lens as one web page: data, photo and script in one file, which asks nothing of a network and opens in any browser. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { InspectDocument, ReportDocument } from '@clipcap/protocol/lens';
import { describeDocument } from './describe.js';
import type { ReportPictures } from './pictures.js';

/**
 * @param script the file of what draws the views, its style beside it; without it the page has the views as text
 */
export async function reportHtml(
  document: InspectDocument,
  { photo, thumbnails }: ReportPictures,
  script: string,
): Promise<string> {
  const { image } = document;
  const source = `data:image/jpeg;base64,${Buffer.from(photo).toString('base64')}`;
  const data: ReportDocument = { ...document, image: { ...image, source }, thumbnails };
  const [code, style] = await Promise.all([
    bundled(script, /<\/(script)/giu),
    bundled(script.replace(/\.js$/u, '.css'), /<\/(style)/giu),
  ]);
  const title = escapeText(`${basename(image.path)}: Prefix Lens`);
  const text = `<h1>${title}</h1><pre>${escapeText(describeDocument(document, {}))}</pre>`;
  const picture = `<img alt="" src="${source}">`;
  // Nothing but this script runs, and nothing is fetched.
  const hash = createHash('sha256').update(code).digest('base64');
  const policy = [
    "default-src 'none'",
    'img-src data: blob:',
    "style-src 'unsafe-inline'",
    code === '' ? "script-src 'none'" : `script-src 'sha256-${hash}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${title}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    '<div id="app"></div>',
    code === '' ? picture + text : `<noscript>${text}</noscript>`,
    `<script type="application/json" id="lens-data">${escapeJson(data)}</script>`,
    ...(code === '' ? [] : [`<script>${code}</script>`]),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

/** A built file as it may stand in a page: it cannot end its element, and names no file beside it. */
async function bundled(file: string, end: RegExp): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .replace(/(?:\/\/|\/\*)# sourceMappingURL=.*\s*$/u, '')
    .replaceAll('\r', '')
    .replaceAll(end, String.raw`<\/$1`);
}

/** JSON that can end no script and begin no comment. */
function escapeJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', String.raw`\u003c`)
    .replaceAll('\u2028', String.raw`\u2028`)
    .replaceAll('\u2029', String.raw`\u2029`);
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

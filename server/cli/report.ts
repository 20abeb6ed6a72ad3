/** A lens as one web page: data, photo and script in one file, which asks nothing of a network and opens in any browser. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import sharp from 'sharp';
import type { InspectDocument, ReportDocument } from '@clipcap/protocol/lens';
import { decode } from '../inference/decode.js';
import { describeDocument } from './inspectText.js';

/** The photo's longer side, in pixels. */
const photoSize = 1024;

/**
 * @param script the file of what draws the views; without one the page has the data as text
 */
export async function reportHtml(document: InspectDocument, photo: Uint8Array, script: string): Promise<string> {
  const data: ReportDocument = { ...document, photo: await dataUri(photo, document.image.path) };
  const code = (await readFile(script, 'utf8').catch(() => '')).replaceAll(/<\/(script)/giu, String.raw`<\/$1`);
  const title = escapeText(`${basename(document.image.path)} · Prefix Lens`);
  // Nothing but this script runs, and nothing is fetched.
  const policy = [
    "default-src 'none'",
    'img-src data: blob:',
    "style-src 'unsafe-inline'",
    code === '' ? "script-src 'none'" : `script-src 'sha256-${createHash('sha256').update(code).digest('base64')}'`,
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
    '<style>body{font:14px/1.5 system-ui,sans-serif;margin:1rem auto;padding:0 1rem;max-width:75rem}pre{overflow-x:auto}img{max-width:100%}</style>',
    '</head>',
    '<body>',
    `<noscript><p>This page draws its views with a script that it brings along. Here they are as text.</p></noscript>`,
    `<main id="lens"><h1>${title}</h1><img alt="" src="${data.photo}"><pre>${escapeText(describeDocument(document, {}))}</pre></main>`,
    `<script type="application/json" id="lens-data">${escapeJson(data)}</script>`,
    ...(code === '' ? [] : [`<script>${code}</script>`]),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

/** The upright picture that the model saw, small. */
async function dataUri(bytes: Uint8Array, name: string): Promise<string> {
  const { data, width, height } = await decode(bytes, name);
  const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ width: photoSize, height: photoSize, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 85 })
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
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

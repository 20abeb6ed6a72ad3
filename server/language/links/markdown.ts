/** Image references in Markdown, inline, by reference and as HTML; nothing inside code is one. */
import type { Definition, Html, Nodes } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { htmlFragmentLinks } from './html.js';
import type { AltText, ImageLink } from './imageLink.js';

/** Reads a whole document. */
export function markdownLinks(text: string): ImageLink[] {
  const nodes = descendants(fromMarkdown(text));
  const definitions = new Map<string, Definition>();
  for (const node of nodes) {
    // The first of several definitions counts.
    if (node.type === 'definition' && !definitions.has(node.identifier)) definitions.set(node.identifier, node);
  }
  return nodes.flatMap((node) => {
    if ('url' in node) return linkOf(node, node.url, text);
    if (node.type === 'html') return linksOfHtml(node, text);
    if (node.type === 'imageReference' || node.type === 'linkReference') {
      return linkOf(node, definitions.get(node.identifier)?.url, text);
    }
    return [];
  });
}

function descendants(root: Nodes): Nodes[] {
  const all: Nodes[] = [];
  const open: Nodes[] = [root];
  for (let node = open.pop(); node; node = open.pop()) {
    all.push(node);
    if ('children' in node) for (const child of node.children.toReversed()) open.push(child);
  }
  return all;
}

function linkOf(node: Nodes, reference: string | undefined, text: string): ImageLink[] {
  const [start, end] = [node.position?.start.offset, node.position?.end.offset];
  if (reference === undefined || start === undefined || end === undefined) return [];
  const alt = altOf(node, text.slice(start, end), start);
  return [{ reference, start, end, ...(alt && { alt }) }];
}

/** @param written the image as it is written, which begins at `start` of the document */
function altOf(node: Nodes, written: string, start: number): AltText | undefined {
  const follows = node.type === 'image' ? '(' : node.type === 'imageReference' ? '[' : undefined;
  const length = follows && labelLength(written.slice('!['.length), follows);
  // The label of `![label]` and `![label][]` is the reference itself.
  if (length === undefined || (node.type === 'imageReference' && node.referenceType !== 'full')) return undefined;
  const image = { start, end: start + written.length };
  const first = start + '!['.length;
  return { syntax: 'markdown', start: first, end: first + length, isMissing: length === 0, image };
}

/** Characters up to the bracket that ends a label, in front of which brackets are balanced or escaped. */
function labelLength(label: string, follows: '(' | '['): number | undefined {
  let open = 0;
  for (let at = 0; at < label.length; at++) {
    const character = label[at];
    if (character === '\\') at++;
    else if (character === '[') open++;
    else if (character === ']' && open-- === 0) return label[at + 1] === follows ? at : undefined;
  }
  return undefined;
}

function linksOfHtml(node: Html, text: string): ImageLink[] {
  const [start, end] = [node.position?.start.offset, node.position?.end.offset];
  if (start === undefined || end === undefined) return [];
  return htmlFragmentLinks(blankContainers(text.slice(start, end), node.value), start);
}

/**
 * HTML inside a block quote or a list carries the container's marks (`> `) at the start of its lines; `value` is the
 * same text without them. Blanks take their place, so that offsets stay true.
 */
function blankContainers(written: string, value: string): string {
  const lines = value.split('\n');
  return written
    .split('\n')
    .map((line, index) => {
      const content = lines[index];
      return content !== undefined && line.endsWith(content) ? content.padStart(line.length) : line;
    })
    .join('\n');
}

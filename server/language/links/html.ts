/** Image references in HTML: the attributes that name an image, with their exact places. */
import { parse, parseFragment, type DefaultTreeAdapterTypes } from 'parse5';
import type { AltText, ImageLink } from './imageLink.js';
import { srcsetCandidates } from './srcset.js';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

/** Which attributes of which elements may name an image. `srcset` holds several. */
const imageAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  image: ['href', 'xlink:href'],
  img: ['src', 'srcset'],
  input: ['src'],
  link: ['href', 'imagesrcset'],
  meta: ['content'],
  source: ['src', 'srcset'],
  video: ['poster'],
};

/** Reads a whole document. */
export function htmlLinks(text: string): ImageLink[] {
  return collect(parse(text, { sourceCodeLocationInfo: true, scriptingEnabled: false }), text, 0);
}

/** Reads HTML that stands inside another document, beginning at `offset` there. */
export function htmlFragmentLinks(text: string, offset: number): ImageLink[] {
  return collect(parseFragment(text, { sourceCodeLocationInfo: true, scriptingEnabled: false }), text, offset);
}

function collect(root: Node, text: string, offset: number): ImageLink[] {
  const links: ImageLink[] = [];
  const open: Node[] = [root];
  for (let node = open.pop(); node; node = open.pop()) {
    if ('tagName' in node) for (const link of elementLinks(node, text)) links.push(link);
    if ('content' in node) open.push(node.content);
    if ('childNodes' in node) for (const child of node.childNodes) open.push(child);
  }
  return links.map((link) => moved(link, offset)).sort((a, b) => a.start - b.start);
}

function moved({ reference, start, end, alt }: ImageLink, by: number): ImageLink {
  const place = { reference, start: start + by, end: end + by };
  if (!alt) return place;
  const image = { start: alt.image.start + by, end: alt.image.end + by };
  return { ...place, alt: { ...alt, start: alt.start + by, end: alt.end + by, image } };
}

function elementLinks(element: Element, text: string): ImageLink[] {
  const names = imageAttributes[element.tagName];
  if (!names || (element.tagName === 'meta' && !describesImage(element))) return [];
  const links: ImageLink[] = [];
  const alt = altOf(element);
  for (const { prefix, name: local, value } of element.attrs) {
    const name = prefix ? `${prefix}:${local}` : local;
    const place = names.includes(name) ? element.sourceCodeLocation?.attrs?.[name] : undefined;
    if (!place) continue;
    const { startOffset: start, endOffset: end } = place;
    if (!name.endsWith('srcset')) links.push({ reference: value, start, end });
    else for (const link of srcsetLinks(value, text.slice(start, end), start)) links.push(link);
  }
  return alt ? links.map((link) => ({ ...link, alt })) : links;
}

/** Of `<img>` only: its attribute, or the place behind the tag's name. */
function altOf({ tagName, sourceCodeLocation: place }: Element): AltText | undefined {
  if (tagName !== 'img' || !place) return undefined;
  const { startOffset, endOffset } = place;
  const written = place.attrs?.['alt'];
  const behindName = startOffset + '<img'.length;
  return {
    syntax: 'html',
    start: written?.startOffset ?? behindName,
    end: written?.endOffset ?? behindName,
    isMissing: !written,
    image: { start: startOffset, end: endOffset },
  };
}

/** `<meta property="og:image">`, `<meta name="twitter:image">` and their kin. */
function describesImage(meta: Element): boolean {
  return meta.attrs.some(
    ({ name, value }) => (name === 'property' || name === 'name' || name === 'itemprop') && /image/iu.test(value),
  );
}

/**
 * One link for each candidate. Places are found in the attribute as written, addresses in its decoded value; where
 * entities make the two split differently, each link covers the whole attribute.
 */
function srcsetLinks(value: string, attribute: string, start: number): ImageLink[] {
  const quoted = /^[^=]*=\s*(["']?)/u.exec(attribute);
  const valueStart = quoted?.[0].length ?? 0;
  const written = srcsetCandidates(attribute.slice(valueStart, quoted?.[1] ? -1 : undefined));
  const decoded = srcsetCandidates(value);
  return decoded.map(({ url }, index) => {
    const place = written.length === decoded.length ? written[index] : undefined;
    return place
      ? { reference: url, start: start + valueStart + place.start, end: start + valueStart + place.end }
      : { reference: url, start, end: start + attribute.length };
  });
}

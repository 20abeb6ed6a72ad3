/**
 * A view as an SVG that stands alone: every box, border, text, drawing and canvas that is on the page, in its computed
 * colours, where it is on the page. So views are drawn with whatever suits them and are still exported as vectors.
 */
const xml = 'http://www.w3.org/2000/svg';

/** What of an SVG's look comes from style sheets. */
const looks = [
  'fill-opacity',
  'stroke-opacity',
  'fill',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'opacity',
  'font-family',
  'font-size',
  'font-weight',
  'text-anchor',
  'dominant-baseline',
  'visibility',
  'display',
] as const;

const margin = 16;

interface Bounds {
  right: number;
  bottom: number;
}

interface Canvas {
  readonly root: SVGSVGElement;
  readonly origin: DOMRect;
  readonly bounds: Bounds;
}

export function toSvg(picture: HTMLElement): string {
  const root = document.createElementNS(xml, 'svg');
  const onto: Canvas = { root, origin: picture.getBoundingClientRect(), bounds: { right: 0, bottom: 0 } };
  for (const child of picture.childNodes) drawNode(child, onto);
  const width = Math.ceil(onto.bounds.right + 2 * margin);
  const height = Math.ceil(onto.bounds.bottom + 2 * margin);
  const ground = rectangle(-margin, -margin, width, height);
  paint(ground, 'fill', getComputedStyle(document.body).backgroundColor);
  root.prepend(ground);
  root.setAttribute('xmlns', xml);
  root.setAttribute('width', String(width));
  root.setAttribute('height', String(height));
  root.setAttribute('viewBox', `${-margin} ${-margin} ${width} ${height}`);
  return new XMLSerializer().serializeToString(root);
}

/** The same as a bitmap with two pixels for each of the page's, base64. */
export async function toPng(picture: HTMLElement): Promise<string> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(toSvg(picture))}`;
  await image.decode();
  const scale = Math.min(2, 8000 / Math.max(image.width, image.height, 1));
  const canvas = document.createElement('canvas');
  canvas.width = Math.ceil(image.width * scale);
  canvas.height = Math.ceil(image.height * scale);
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/u, '');
}

function drawNode(node: ChildNode, onto: Canvas): void {
  if (node instanceof Text) drawText(node, onto);
  else if (node instanceof SVGSVGElement) drawDrawing(node, onto);
  else if (node instanceof HTMLElement) drawElement(node, onto);
}

function drawElement(element: HTMLElement, onto: Canvas): void {
  const style = getComputedStyle(element);
  if (style.display === 'none' || style.visibility === 'hidden' || style.clipPath !== 'none') return;
  const box = element.getBoundingClientRect();
  if (box.width > 0 && box.height > 0) drawBox(style, box, onto);
  if (element instanceof HTMLCanvasElement) drawBitmap(element, box, onto);
  else if (element instanceof HTMLImageElement) drawPhoto(element, box, onto);
  else for (const child of element.childNodes) drawNode(child, onto);
}

function drawBox(style: CSSStyleDeclaration, box: DOMRect, onto: Canvas): void {
  const filled = !/^transparent$|,\s*0\)$|\/\s*0\)$/u.test(style.backgroundColor);
  const bordered = style.borderTopStyle !== 'none' && Number.parseFloat(style.borderTopWidth) > 0;
  if (!filled && !bordered) return;
  const { x, y } = place(box, onto);
  const drawn = rectangle(x, y, box.width, box.height);
  paint(drawn, 'fill', filled ? style.backgroundColor : 'none');
  if (bordered) paint(drawn, 'stroke', style.borderTopColor);
  drawn.setAttribute('rx', String(Number.parseFloat(style.borderTopLeftRadius) || 0));
  onto.root.append(drawn);
}

/** A text, line by line as the page breaks it. */
function drawText(node: Text, onto: Canvas): void {
  const parent = node.parentElement;
  if (!parent || node.data.trim() === '') return;
  const style = getComputedStyle(parent);
  if (style.visibility === 'hidden') return;
  for (const { text, box } of linesOf(node)) {
    const { x, y } = place(box, onto);
    const drawn = document.createElementNS(xml, 'text');
    drawn.setAttribute('x', String(x));
    drawn.setAttribute('y', String(y + box.height * 0.77));
    paint(drawn, 'fill', style.color);
    for (const look of ['font-family', 'font-size', 'font-weight'])
      drawn.setAttribute(look, style.getPropertyValue(look));
    if (style.textDecorationLine !== 'none') drawn.setAttribute('text-decoration', style.textDecorationLine);
    drawn.textContent = text;
    onto.root.append(drawn);
  }
}

function linesOf(node: Text): { text: string; box: DOMRect }[] {
  const range = document.createRange();
  range.selectNodeContents(node);
  if (range.getClientRects().length <= 1) return [{ text: node.data, box: range.getBoundingClientRect() }];
  const lines: { start: number; end: number; top: number }[] = [];
  for (let index = 0; index < node.data.length; index++) {
    range.setStart(node, index);
    range.setEnd(node, index + 1);
    const { top, width } = range.getBoundingClientRect();
    const last = lines.at(-1);
    if (width === 0 && last) continue;
    if (last && Math.abs(last.top - top) < 2) last.end = index + 1;
    else lines.push({ start: index, end: index + 1, top });
  }
  return lines.map(({ start, end }) => {
    range.setStart(node, start);
    range.setEnd(node, end);
    return { text: node.data.slice(start, end), box: range.getBoundingClientRect() };
  });
}

function drawDrawing(drawing: SVGSVGElement, onto: Canvas): void {
  const style = getComputedStyle(drawing);
  if (style.display === 'none' || style.visibility === 'hidden') return;
  const box = drawing.getBoundingClientRect();
  const copy = drawing.cloneNode(true);
  if (!(copy instanceof SVGSVGElement)) return;
  const originals = drawing.querySelectorAll('*');
  for (const [index, element] of [...copy.querySelectorAll('*')].entries()) {
    const original = originals[index];
    if (original) freezeLook(element, getComputedStyle(original));
  }
  const { x, y } = place(box, onto);
  for (const [name, value] of Object.entries({ x, y, width: box.width, height: box.height })) {
    copy.setAttribute(name, String(value));
  }
  copy.setAttribute('overflow', 'visible');
  onto.root.append(copy);
}

function freezeLook(element: Element, style: CSSStyleDeclaration): void {
  element.removeAttribute('style');
  element.removeAttribute('class');
  for (const look of looks) {
    const value = style.getPropertyValue(look);
    if (value === '') continue;
    if (look === 'fill' || look === 'stroke') paint(element, look, value);
    else element.setAttribute(look, value);
  }
}

function drawBitmap(canvas: HTMLCanvasElement, box: DOMRect, onto: Canvas): void {
  const { x, y } = place(box, onto);
  onto.root.append(bitmap(canvas.toDataURL('image/png'), x, y, box));
}

/** The photo, where the page may read its pixels; otherwise its place stays empty. */
function drawPhoto(photo: HTMLImageElement, box: DOMRect, onto: Canvas): void {
  const canvas = document.createElement('canvas');
  const scale = Math.min(1, 1600 / Math.max(photo.naturalWidth, photo.naturalHeight, 1));
  canvas.width = Math.max(1, Math.round(photo.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(photo.naturalHeight * scale));
  const { x, y } = place(box, onto);
  try {
    canvas.getContext('2d')?.drawImage(photo, 0, 0, canvas.width, canvas.height);
    onto.root.append(bitmap(canvas.toDataURL('image/jpeg', 0.85), x, y, box));
  } catch {
    // The image belongs to another origin.
  }
}

/** Programs that draw SVG know `rgb()` without an opacity, few know what style sheets make of a mixed colour. */
function paint(element: Element, look: 'fill' | 'stroke', color: string): void {
  const mixed = /^color\(srgb ([\d.e-]+) ([\d.e-]+) ([\d.e-]+)(?: \/ ([\d.e-]+))?\)$/u.exec(color);
  const plain = /^rgba\((\d+), (\d+), (\d+), ([\d.e-]+)\)$/u.exec(color);
  const [, red, green, blue, opacity] = mixed ?? plain ?? [];
  if (red === undefined) {
    element.setAttribute(look, color);
    return;
  }
  const scale = mixed ? 255 : 1;
  const parts = [red, green, blue].map((part) => Math.round(scale * Number(part)));
  element.setAttribute(look, `rgb(${parts.join(', ')})`);
  if (opacity !== undefined) element.setAttribute(`${look}-opacity`, opacity);
}

function bitmap(data: string, x: number, y: number, { width, height }: DOMRect): SVGImageElement {
  const image = document.createElementNS(xml, 'image');
  for (const [name, value] of Object.entries({ href: data, x, y, width, height }))
    image.setAttribute(name, String(value));
  return image;
}

function rectangle(x: number, y: number, width: number, height: number): SVGRectElement {
  const drawn = document.createElementNS(xml, 'rect');
  for (const [name, value] of Object.entries({ x, y, width, height })) drawn.setAttribute(name, String(value));
  return drawn;
}

function place(box: DOMRect, { origin, bounds }: Canvas): { x: number; y: number } {
  const [x, y] = [box.left - origin.left, box.top - origin.top];
  bounds.right = Math.max(bounds.right, x + box.width);
  bounds.bottom = Math.max(bounds.bottom, y + box.height);
  return { x, y };
}

/**
 * The theme's colours as numbers, for what is drawn on a canvas or exported. Values that have a sign go from orange over
 * the background's neutral colour to blue, which people who confuse red and green can tell apart; zero is always neutral.
 */
import { color, interpolateRgb, rgb } from 'd3';

export interface Palette {
  readonly background: string;
  readonly foreground: string;
  readonly quiet: string;
  readonly edge: string;
  readonly positive: string;
  readonly negative: string;
}

const names = ['background', 'foreground', 'quiet', 'edge', 'positive', 'negative'] as const;

/** Reads the colours that style sheets give to `--<name>`; an element of the document is needed to resolve them. */
export function readPalette(inside: Element): Palette {
  const probe = document.createElement('span');
  inside.append(probe);
  const colors = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, legacy(getComputedStyle(probe).color)] as const;
  });
  probe.remove();
  const found: Readonly<Record<string, string>> = Object.fromEntries(colors);
  const of = (name: (typeof names)[number]): string => found[name] ?? '#888888';
  return {
    background: of('background'),
    foreground: of('foreground'),
    quiet: of('quiet'),
    edge: of('edge'),
    positive: of('positive'),
    negative: of('negative'),
  };
}

/** A colour computed from another one comes as `color(srgb r g b)`, shares of 1, which D3 does not read. */
function legacy(computed: string): string {
  const shares = /^color\(srgb (\S+) (\S+) (\S+)\)$/u.exec(computed)?.slice(1, 4);
  return shares === undefined ? computed : `rgb(${shares.map((share) => Math.round(255 * Number(share))).join(', ')})`;
}

/** Colour of a value on a scale from −extent to extent. */
export function diverging({ background, positive, negative }: Palette, extent: number): (value: number) => string {
  const up = interpolateRgb(background, positive);
  const down = interpolateRgb(background, negative);
  const end = extent > 0 ? extent : 1;
  return (value) => (value >= 0 ? up(Math.min(1, value / end)) : down(Math.min(1, -value / end)));
}

/** Colour of a share, 0…end; its square root, so that small shares are seen. */
export function sequential({ background, positive }: Palette, end: number): (value: number) => string {
  const scale = interpolateRgb(background, positive);
  return (value) => scale(end > 0 ? Math.sqrt(Math.max(0, Math.min(1, value / end))) : 0);
}

/** A colour of text that is read on a ground: the theme's where its contrast is enough (WCAG 2.2, 4.5), else black or white. */
export function readable(ground: string, { foreground }: Palette): string {
  const contrast = (ink: string): number => {
    const [a = 0, b = 0] = [luminance(ink), luminance(ground)].sort((one, other) => other - one);
    return (a + 0.05) / (b + 0.05);
  };
  if (contrast(foreground) >= 4.5) return foreground;
  return contrast('#000000') >= contrast('#ffffff') ? '#000000' : '#ffffff';
}

/** Relative luminance (WCAG 2.2). */
function luminance(text: string): number {
  const { r, g, b } = rgb(color(text)?.toString() ?? '#888');
  const [red = 0, green = 0, blue = 0] = [r, g, b].map((channel) => {
    const part = channel / 255;
    return part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

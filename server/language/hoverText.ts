/** The words of a hover. */
import { MarkupKind, type MarkupContent } from 'vscode-languageserver';
import { captionWords, type CaptionResult } from '@clipcap/protocol/caption';

/** What the editor can do with a hover. */
export interface HoverStyle {
  readonly markdown: boolean;
  /** The editor's command that shows an image's prefix; it takes the image's URI. */
  readonly inspectCommand?: string | undefined;
  /** The editor's command that copies a caption; it takes the text. */
  readonly copyCommand?: string | undefined;
}

const meaning =
  'The geometric mean of the probabilities that the model gave its own words. ' +
  'It is not the chance that the caption is true.';

/** A caption with its confidence, exp(score), the model, and what can be done with it. */
export function captionText({ title, image }: CaptionResult, uri: string, style: HoverStyle): MarkupContent {
  const best = image.captions[0];
  const caption = captionWords(best);
  const confidence = Math.exp(best?.score ?? -Infinity).toFixed(2);
  if (!style.markdown) {
    return plain(`${caption}\n\nConfidence ${confidence}, model “${title}”. ${meaning}`);
  }
  const shown = `**${escapeMarkdown(caption)}**`;
  const maker = escapeMarkdown(title);
  if (style.inspectCommand === undefined) {
    return markdown(`${shown}\n\nConfidence ${confidence} · ${maker}\n\n*${meaning}*`);
  }
  const links = [
    `[Inspect Prefix](${command(style.inspectCommand, uri)} "Show the words nearest to each prefix embedding")`,
  ];
  if (style.copyCommand !== undefined && best) {
    links.unshift(`[Copy](${command(style.copyCommand, best.text)} "Copy the caption, for alt text")`);
  }
  const about = `<span title="${meaning}">Confidence ${confidence}</span> · ${maker}`;
  return markdown([shown, [about, ...links].join(' · ')].join('\n\n'));
}

/** A link's target that runs an editor's command. */
function command(id: string, argument: string): string {
  // Parentheses, which encodeURIComponent leaves alone, would end the link.
  const encoded = encodeURIComponent(JSON.stringify([argument])).replace(/[()]/gu, (each) =>
    each === '(' ? '%28' : '%29',
  );
  return `command:${id}?${encoded}`;
}

/** One sentence: that a caption is on its way, or why there is none. */
export function sentence(text: string, style: HoverStyle): MarkupContent {
  return style.markdown ? markdown(escapeMarkdown(text)) : plain(text);
}

/**
 * Text that Markdown, its HTML and its automatic links leave as it is. What only counts at the beginning of a line is left
 * alone elsewhere: some editors show Markdown as it is written.
 */
function escapeMarkdown(text: string): string {
  return text
    .trim()
    .replace(/\s+/gu, ' ')
    .replace(/[\\`*_{}[\]()!~<>|&$:@]|^[#+-]/gu, '\\$&')
    .replace(/^(\d+)\./u, '$1\\.')
    .replace(/\b(www)\./giu, '$1\\.');
}

function markdown(value: string): MarkupContent {
  return { kind: MarkupKind.Markdown, value };
}

function plain(value: string): MarkupContent {
  return { kind: MarkupKind.PlainText, value };
}

/** What kind of file some bytes are, by their content: names and extensions lie. */
import { CaptionError } from '@clipcap/protocol/error';

/** Formats that are decoded. */
type ImageFormat = 'JPEG' | 'PNG' | 'WebP' | 'GIF' | 'AVIF' | 'TIFF';

/** `refused` names a format that is recognised but not decoded; `unknown` is everything else. */
type Sniffed =
  | { readonly kind: 'image'; readonly format: ImageFormat }
  | { readonly kind: 'refused'; readonly format: string }
  | { readonly kind: 'unknown' };

const refusedBrands: Record<string, string> = {
  heic: 'HEIC',
  heix: 'HEIC',
  hevc: 'HEIC',
  hevx: 'HEIC',
  heim: 'HEIC',
  heis: 'HEIC',
  mif1: 'HEIF',
  msf1: 'HEIF',
  'crx ': 'CR3 raw',
};

const refusedSignatures: readonly { readonly format: string; readonly signature: string }[] = [
  { format: 'BMP', signature: 'BM' },
  { format: 'PDF', signature: '%PDF-' },
  { format: 'PostScript', signature: '%!PS' },
  { format: 'JPEG XL', signature: '\xff\x0a' },
  { format: 'JPEG XL', signature: '\0\0\0\x0cJXL \r\n\x87\n' },
  { format: 'JPEG 2000', signature: '\0\0\0\x0cjP  \r\n\x87\n' },
  { format: 'JPEG 2000', signature: '\xff\x4f\xff\x51' },
  { format: 'ICO', signature: '\0\0\x01\0' },
  { format: 'Photoshop', signature: '8BPS' },
  { format: 'OpenEXR', signature: 'v/1\x01' },
  { format: 'Radiance HDR', signature: '#?R' },
  { format: 'FITS', signature: 'SIMPLE  =' },
  { format: 'DDS', signature: 'DDS ' },
  { format: 'GIMP', signature: 'gimp xcf' },
  { format: 'QOI', signature: 'qoif' },
  { format: 'BigTIFF', signature: 'II+\0' },
  { format: 'BigTIFF', signature: 'MM\0+' },
];

/** Bytes as text, one character a byte. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end);
}

/** An ISO media file's brands: the major one first. */
function brands(bytes: Uint8Array): readonly string[] {
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  const list = [latin1(bytes, 8, 12)];
  for (let at = 16; at + 4 <= Math.min(size, bytes.length, 256); at += 4) list.push(latin1(bytes, at, at + 4));
  return list;
}

function isSvg(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 4096))
    .toString('utf8')
    .replace(/^\ufeff/u, '')
    .trimStart();
  return start.startsWith('<') && /<svg[\s>]/u.test(start);
}

/** Recognises a file by its first bytes. */
function sniff(bytes: Uint8Array): Sniffed {
  const head = latin1(bytes, 0, 16);
  if (head.startsWith('\xff\xd8\xff')) return { kind: 'image', format: 'JPEG' };
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return { kind: 'image', format: 'PNG' };
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return { kind: 'image', format: 'GIF' };
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return { kind: 'image', format: 'WebP' };
  if (head.startsWith('II*\0') || head.startsWith('MM\0*')) return { kind: 'image', format: 'TIFF' };
  if (bytes.length >= 12 && head.slice(4, 8) === 'ftyp') {
    const found = brands(bytes);
    if (found.includes('avif') || found.includes('avis')) return { kind: 'image', format: 'AVIF' };
    const format = found.map((brand) => refusedBrands[brand]).find((name) => name !== undefined);
    if (format !== undefined) return { kind: 'refused', format };
  }
  const refused = refusedSignatures.find(({ signature }) => head.startsWith(signature));
  if (refused) return { kind: 'refused', format: refused.format };
  return isSvg(bytes) ? { kind: 'refused', format: 'SVG' } : { kind: 'unknown' };
}

/**
 * The format of an image that can be decoded, as far as its first bytes tell.
 * @param name what messages call it
 * @throws CaptionError `empty-file`, `unsupported-format` or `not-an-image`
 */
export function recognise(bytes: Uint8Array, name: string): ImageFormat {
  if (bytes.length === 0) {
    throw new CaptionError('empty-file', `${name} is empty (0 bytes). Restore the file, or leave it out.`);
  }
  const found = sniff(bytes);
  if (found.kind === 'image') return found.format;
  if (found.kind === 'refused') {
    throw new CaptionError(
      'unsupported-format',
      `${name} is ${found.format}, which cannot be captioned yet. Convert it to PNG or JPEG first.`,
    );
  }
  throw new CaptionError('not-an-image', `${name} is not an image. Name a JPEG, PNG, WebP, GIF, AVIF or TIFF file.`);
}

/** Sizes and questions as people read them, the same on the command line and in the editor. */
import { statedSize, type Model } from '../registry/registry.js';
import type { Question } from './getModel.js';

/** `605.3 MB (605,251,573 bytes)` */
export function exactSize(bytes: number): string {
  const exact = `${bytes.toLocaleString('en')} ${bytes === 1 ? 'byte' : 'bytes'}`;
  return bytes < 1000 ? exact : `${roundSize(bytes)} (${exact})`;
}

/** `605.3 MB`; units are powers of 1000, as download pages have them. */
export function roundSize(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** What is known of a model's size before any server is asked. */
export function knownSize(model: Model): string {
  const stated = statedSize(model);
  if (!stated) return 'size not known here';
  return stated.exact ? roundSize(stated.bytes) : `about ${roundSize(stated.bytes)}`;
}

/** What saying yes would do, in one sentence without its question mark. */
export function whatYesDoes(question: Question): string {
  const { title } = question.model;
  if (question.kind === 'size') {
    return `Ask ${question.host} how large ${title} is (${knownSize(question.model)}); nothing is downloaded yet`;
  }
  const { bytes, missing, hosts } = question;
  const rest = missing < bytes ? `, of which ${exactSize(missing)} are missing` : '';
  return `Download ${title}, ${exactSize(bytes)}${rest}, from ${hosts.join(' and ')}`;
}

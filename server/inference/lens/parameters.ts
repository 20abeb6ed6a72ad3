/** Reading a view's parameters: they come from any client, so each is checked before it is used. */
import { CaptionError } from '@clipcap/protocol/error';

/** @throws CaptionError `usage` naming the parameter and its range */
export function wholeNumber(
  name: string,
  value: unknown,
  [least, most]: readonly [number, number],
  otherwise: number,
): number {
  if (value === undefined || value === null) return otherwise;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw usage(`The option ${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(value)}.`);
}

/** As `wholeNumber`, of any number. */
export function realNumber(name: string, value: unknown, [least, most]: readonly [number, number]): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw usage(`The option ${name} must be a number from ${least} to ${most}, not ${JSON.stringify(value)}.`);
}

export function flag(name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined || value === null) return otherwise;
  if (typeof value === 'boolean') return value;
  throw usage(`The option ${name} must be true or false, not ${JSON.stringify(value)}.`);
}

export function choice<Choice extends string>(
  name: string,
  value: unknown,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  if (value === undefined || value === null) return choices[0];
  const found = choices.find((one) => one === value);
  if (found !== undefined) return found;
  throw usage(`The option ${name} must be ${choices.join(' or ')}, not ${JSON.stringify(value)}.`);
}

export function usage(message: string): CaptionError {
  return new CaptionError('usage', message);
}

/** What a pack cannot show, and how to get a pack that can. */
export function unavailable(message: string): CaptionError {
  return new CaptionError('lens-unavailable', message);
}

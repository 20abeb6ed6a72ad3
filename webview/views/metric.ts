/** The four ways to measure how near a word is to a prefix position, as they are written for people. */
import { format } from 'd3';
import type { Metric } from '@clipcap/protocol/lens';

const twoDigits = format('.2f');
const fourDigits = format('.4f');

export const metricNames: readonly (readonly [Metric, string])[] = [
  ['cosine', 'cosine'],
  ['dot', 'dot product'],
  ['euclidean', 'Euclidean distance'],
  ['centred', 'centred cosine'],
];

/** A score for the eye; Euclidean scores, which are negative, as distances. */
export function shortScore(metric: Metric, score: number): string {
  return twoDigits(metric === 'euclidean' ? Math.abs(score) : score);
}

export function longScore(metric: Metric, score: number): string {
  return fourDigits(metric === 'euclidean' ? Math.abs(score) : score);
}

export function metricName(metric: Metric): string {
  return metric === 'euclidean' ? 'distance' : metric === 'centred' ? 'centred cosine' : metric;
}

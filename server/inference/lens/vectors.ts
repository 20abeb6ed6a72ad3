/** Arithmetic on rows, in double precision. */

type Values = ArrayLike<number>;

export function dot(a: Values, b: Values): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Euclidean. */
export function norm(a: Values): number {
  return Math.sqrt(dot(a, a));
}

/** −1 where either is zero. */
export function cosine(a: Values, b: Values): number {
  const norms = norm(a) * norm(b);
  return norms === 0 ? -1 : dot(a, b) / norms;
}

/** At length 1; zero stays zero. */
export function unit(a: Float32Array): Float32Array {
  const length = norm(a);
  return length === 0 ? a : a.map((value) => value / length);
}

export function squaredDistance(a: Values, b: Values): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}

/** Rows of `width` values, not copied. */
export function rowsOf(values: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: values.length / width }, (_, row) => values.subarray(row * width, (row + 1) * width));
}

/** The mean of equally long rows. */
export function meanOf(rows: readonly Values[]): Float64Array {
  const sum = new Float64Array(rows[0]?.length ?? 0);
  for (const row of rows) for (let i = 0; i < sum.length; i++) sum[i]! += row[i]!;
  return sum.map((value) => value / rows.length);
}

/** Six decimals: what a picture can show, and a third of the bytes of a message. */
export function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** How many entries each of `cells` cells may have for all of them to stay below 200 KB on their way. */
export function fitting(wanted: number, cells: number): number {
  return Math.max(1, Math.min(wanted, Math.floor(4000 / cells)));
}

/** Principal components: the two directions in which points differ most. */
import { noise } from '../noise.js';
import { dot, meanOf, norm } from './vectors.js';

export interface Projected {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Share of the variance on each axis. */
  readonly explained: readonly [number, number];
}

/** More directions than are wanted are followed, so that the wanted ones settle soon. */
const followed = 10;
const rounds = 60;

/**
 * Points [n][D] on their first two principal components, centred on their mean. An axis points to where its largest
 * loading is positive. By subspace iteration on XᵀX with Rayleigh–Ritz (Golub & Van Loan, §8.2.4).
 */
export function principalComponents(points: readonly ArrayLike<number>[]): Projected {
  const mean = meanOf(points);
  const centred = points.map((point) => Float64Array.from(point, (value, i) => value - mean[i]!));
  const width = mean.length;
  const total = centred.reduce((sum, point) => sum + dot(point, point), 0);
  let basis = orthonormal(
    Array.from({ length: Math.min(followed, width, points.length) }, (_, i) => startingVector(width, i)),
  );
  for (let round = 0; round < rounds; round++)
    basis = orthonormal(basis.map((vector) => covarianceTimes(centred, vector)));
  const axes = ritz(centred, basis).slice(0, 2);
  const coordinates = axes.map((axis) => centred.map((point) => dot(point, axis)));
  const share = (axis: number): number =>
    total > 0 ? dot(coordinates[axis] ?? [], coordinates[axis] ?? []) / total : 0;
  return {
    points: points.map((_, i) => ({ x: coordinates[0]?.[i] ?? 0, y: coordinates[1]?.[i] ?? 0 })),
    explained: [share(0), share(1)],
  };
}

/** XᵀX·v */
function covarianceTimes(rows: readonly Float64Array[], vector: Float64Array): Float64Array {
  const product = new Float64Array(vector.length);
  for (const row of rows) {
    const along = dot(row, vector);
    for (let i = 0; i < product.length; i++) product[i]! += along * row[i]!;
  }
  return product;
}

/** Modified Gram–Schmidt; what depends on the vectors before it is left out. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = vector.slice();
    const before = norm(rest);
    for (const axis of [...basis, ...basis]) {
      const along = dot(rest, axis);
      for (let i = 0; i < rest.length; i++) rest[i]! -= along * axis[i]!;
    }
    const length = norm(rest);
    if (length > 1e-10 * before) basis.push(rest.map((value) => value / length));
  }
  return basis;
}

/** The best approximations of eigenvectors in the space of `basis`, largest eigenvalue first. */
function ritz(rows: readonly Float64Array[], basis: readonly Float64Array[]): Float64Array[] {
  const images = basis.map((axis) => rows.map((row) => dot(row, axis)));
  const matrix = images.map((a) => images.map((b) => dot(a, b)));
  const { values, vectors } = jacobi(matrix);
  return [...values.keys()]
    .sort((a, b) => values[b]! - values[a]!)
    .map((column) => {
      const axis = new Float64Array(basis[0]?.length ?? 0);
      for (const [i, direction] of basis.entries()) {
        const weight = vectors[i]![column]!;
        for (let at = 0; at < axis.length; at++) axis[at]! += weight * direction[at]!;
      }
      const largest = axis.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
      return largest < 0 ? axis.map((value) => -value) : axis;
    });
}

/** Eigenvalues and, as columns, eigenvectors of a small symmetric matrix by cyclic Jacobi rotations. */
function jacobi(symmetric: readonly (readonly number[])[]): { values: number[]; vectors: number[][] } {
  const a = symmetric.map((row) => [...row]);
  const size = a.length;
  const vectors = a.map((_, i) => a.map((__, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (Math.abs(a[p]![q]!) < 1e-300) continue;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta ** 2 + 1));
        const c = 1 / Math.sqrt(t ** 2 + 1);
        const rotate = (rows: number[][], transposed: boolean): void => {
          for (let i = 0; i < size; i++) {
            const [x, y] = transposed ? [rows[p]![i]!, rows[q]![i]!] : [rows[i]![p]!, rows[i]![q]!];
            const [u, v] = [c * x - t * c * y, t * c * x + c * y];
            if (transposed) [rows[p]![i], rows[q]![i]] = [u, v];
            else [rows[i]![p], rows[i]![q]] = [u, v];
          }
        };
        rotate(a, false);
        rotate(a, true);
        rotate(vectors, false);
      }
    }
  }
  return { values: a.map((row, i) => row[i]!), vectors };
}

/** Any vectors will do that are no eigenvectors: the same ones every time. */
function startingVector(width: number, number: number): Float64Array {
  return Float64Array.from(noise(width, number + 1));
}

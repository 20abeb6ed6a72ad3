;; The passes over a row of logits, for WebAssembly's SIMD: JavaScript takes four times as long for them. Rows are f32 in
;; one or more whole blocks of 64, filled up with −∞. After a change: node scripts/kernel.mjs --update
(module
  (memory (export "memory") 1)

  ;; The largest value of each of `count` blocks, f32, to `out`. What is not a number is no largest value.
  (func (export "blockMaxima") (param $values i32) (param $count i32) (param $out i32)
    (local $last i32) (local $end i32) (local $max v128)
    (local.set $last (i32.add (local.get $out) (i32.shl (local.get $count) (i32.const 2))))
    (loop $blocks
      (local.set $end (i32.add (local.get $values) (i32.const 256)))
      (local.set $max (v128.const f32x4 -inf -inf -inf -inf))
      (loop $sixteen
        (local.set $max
          (f32x4.pmax
            (f32x4.pmax
              (f32x4.pmax
                (f32x4.pmax (local.get $max) (v128.load (local.get $values)))
                (v128.load offset=16 (local.get $values)))
              (v128.load offset=32 (local.get $values)))
            (v128.load offset=48 (local.get $values))))
        (br_if $sixteen
          (i32.lt_u (local.tee $values (i32.add (local.get $values) (i32.const 64))) (local.get $end))))
      (local.set $max
        (f32x4.pmax (local.get $max) (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $max) (local.get $max))))
      (f32.store (local.get $out)
        (f32.max (f32x4.extract_lane 0 (local.get $max)) (f32x4.extract_lane 1 (local.get $max))))
      (br_if $blocks
        (i32.lt_u (local.tee $out (i32.add (local.get $out) (i32.const 4))) (local.get $last)))))

  ;; Σ exp(value − max) over `count` blocks. Terms are f32, right to 10⁻⁶ of themselves, and summed as f64: e^x of x ≤ 0 as 2^n · e^r with
  ;; n = round(x / ln 2) and seven terms of the series in r. Below −87, where f32 ends, it is e^−87; what is not a number
  ;; stays none. All of it stands in the loop, because calls are not inlined and cost as much as the rest.
  (func (export "sumExp") (param $values i32) (param $count i32) (param $max f32) (result f64)
    (local $last i32) (local $maxima v128) (local $x v128) (local $shifted v128) (local $r v128) (local $terms v128)
    (local $sum v128)
    (local.set $maxima (f32x4.splat (local.get $max)))
    (local.set $last (i32.add (local.get $values) (i32.shl (local.get $count) (i32.const 8))))
    (loop $four
      (local.set $x
        (f32x4.pmax
          (f32x4.sub (v128.load (local.get $values)) (local.get $maxima))
          (v128.const f32x4 -87 -87 -87 -87)))
      ;; 1.5 · 2²³ + n: adding that much rounds to whole numbers, and leaves n in the lowest bits.
      (local.set $shifted
        (f32x4.add
          (f32x4.mul (local.get $x) (v128.const f32x4 1.44269504 1.44269504 1.44269504 1.44269504))
          (v128.const f32x4 12582912 12582912 12582912 12582912)))
      (local.set $terms
        (f32x4.sub (local.get $shifted) (v128.const f32x4 12582912 12582912 12582912 12582912)))
      ;; ln 2 in two parts, of which the first times n is exact.
      (local.set $r
        (f32x4.sub
          (f32x4.sub
            (local.get $x)
            (f32x4.mul (local.get $terms) (v128.const f32x4 0.693359375 0.693359375 0.693359375 0.693359375)))
          (f32x4.mul
            (local.get $terms)
            (v128.const f32x4 -2.12194440e-4 -2.12194440e-4 -2.12194440e-4 -2.12194440e-4))))
      (local.set $terms (v128.const f32x4 0.00138888889 0.00138888889 0.00138888889 0.00138888889))
      (local.set $terms
        (f32x4.add (f32x4.mul (local.get $terms) (local.get $r)) (v128.const f32x4 0.00833333333 0.00833333333 0.00833333333 0.00833333333)))
      (local.set $terms
        (f32x4.add (f32x4.mul (local.get $terms) (local.get $r)) (v128.const f32x4 0.0416666667 0.0416666667 0.0416666667 0.0416666667)))
      (local.set $terms
        (f32x4.add (f32x4.mul (local.get $terms) (local.get $r)) (v128.const f32x4 0.166666667 0.166666667 0.166666667 0.166666667)))
      (local.set $terms
        (f32x4.add (f32x4.mul (local.get $terms) (local.get $r)) (v128.const f32x4 0.5 0.5 0.5 0.5)))
      (local.set $terms
        (f32x4.add (f32x4.mul (local.get $terms) (local.get $r)) (v128.const f32x4 1 1 1 1)))
      (local.set $terms
        (f32x4.add (f32x4.mul (local.get $terms) (local.get $r)) (v128.const f32x4 1 1 1 1)))
      ;; Times 2^n, made of its exponent.
      (local.set $terms
        (f32x4.mul
          (local.get $terms)
          (i32x4.add
            (i32x4.shl (local.get $shifted) (i32.const 23))
            (v128.const i32x4 0x3f800000 0x3f800000 0x3f800000 0x3f800000))))
      (local.set $sum
        (f64x2.add
          (local.get $sum)
          (f64x2.add
            (f64x2.promote_low_f32x4 (local.get $terms))
            (f64x2.promote_low_f32x4
              (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $terms) (local.get $terms))))))
      (br_if $four
        (i32.lt_u (local.tee $values (i32.add (local.get $values) (i32.const 16))) (local.get $last))))
    (f64.add (f64x2.extract_lane 0 (local.get $sum)) (f64x2.extract_lane 1 (local.get $sum)))))

;; The inner loops of resample.ts, for WebAssembly's SIMD: JavaScript takes five times as long for them.
;; Sums are i32 in 22-bit fixed point. Rows of bytes are padded with 16 bytes, rows of sums with 16 sums, because whole
;; vectors are read and written. After a change: node scripts/kernel.mjs --update
(module
  (memory (export "memory") 1)

  ;; One row of interleaved RGB to `length` pixels at `out`. `table` holds, as i32, `first` and `count` of every output,
  ;; then `width` weights for each: output i is the sum over t < count of pixel first + t, each times its weight t.
  (func (export "narrow")
    (param $row i32) (param $table i32) (param $width i32) (param $length i32) (param $out i32)
    (local $counts i32) (local $weights i32)
    (local $last i32) (local $pixel i32) (local $weight i32) (local $end i32) (local $sum v128)
    (local.set $last (i32.add (local.get $out) (i32.mul (local.get $length) (i32.const 3))))
    (local.set $width (i32.shl (local.get $width) (i32.const 2)))
    (local.set $counts (i32.shl (local.get $length) (i32.const 2)))
    (local.set $weights (i32.add (local.get $table) (i32.shl (local.get $length) (i32.const 3))))
    (loop $outputs
      (local.set $pixel (i32.add (local.get $row) (i32.mul (i32.load (local.get $table)) (i32.const 3))))
      (local.set $weight (local.get $weights))
      (local.set $end (i32.add (local.get $weight) (i32.shl (i32.load (i32.add (local.get $table) (local.get $counts))) (i32.const 2))))
      (local.set $sum (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
      (loop $taps
        (local.set $sum
          (i32x4.add
            (local.get $sum)
            (i32x4.mul
              (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $pixel))))
              (v128.load32_splat (local.get $weight)))))
        (local.set $pixel (i32.add (local.get $pixel) (i32.const 3)))
        (br_if $taps
          (i32.lt_u (local.tee $weight (i32.add (local.get $weight) (i32.const 4))) (local.get $end))))
      ;; The fourth byte is overwritten by the next pixel, or is padding.
      (v128.store32_lane 0 (local.get $out) (call $clipped (local.get $sum) (local.get $sum) (local.get $sum) (local.get $sum)))
      (local.set $table (i32.add (local.get $table) (i32.const 4)))
      (local.set $weights (i32.add (local.get $weights) (local.get $width)))
      (br_if $outputs
        (i32.lt_u (local.tee $out (i32.add (local.get $out) (i32.const 3))) (local.get $last)))))

  ;; Adds to `length` sums `count` rows of as many bytes, one behind another from `row` on, each times its i32 in `weights`.
  (func (export "accumulate")
    (param $sums i32) (param $row i32) (param $weights i32) (param $count i32) (param $length i32)
    (local $byte i32) (local $sum i32) (local $end i32) (local $last i32)
    (local $weight v128) (local $bytes v128) (local $low v128) (local $high v128)
    (local.set $last (i32.add (local.get $weights) (i32.shl (local.get $count) (i32.const 2))))
    (loop $rows
      (local.set $weight (v128.load32_splat (local.get $weights)))
      (local.set $byte (local.get $row))
      (local.set $sum (local.get $sums))
      (local.set $end (i32.add (local.get $row) (local.get $length)))
      (loop $sixteen
        (local.set $bytes (v128.load (local.get $byte)))
        (local.set $low (i16x8.extend_low_i8x16_u (local.get $bytes)))
        (local.set $high (i16x8.extend_high_i8x16_u (local.get $bytes)))
        (v128.store (local.get $sum)
          (i32x4.add (v128.load (local.get $sum))
            (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $low)) (local.get $weight))))
        (v128.store offset=16 (local.get $sum)
          (i32x4.add (v128.load offset=16 (local.get $sum))
            (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $low)) (local.get $weight))))
        (v128.store offset=32 (local.get $sum)
          (i32x4.add (v128.load offset=32 (local.get $sum))
            (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $high)) (local.get $weight))))
        (v128.store offset=48 (local.get $sum)
          (i32x4.add (v128.load offset=48 (local.get $sum))
            (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $high)) (local.get $weight))))
        (local.set $sum (i32.add (local.get $sum) (i32.const 64)))
        (br_if $sixteen
          (i32.lt_u (local.tee $byte (i32.add (local.get $byte) (i32.const 16))) (local.get $end))))
      (local.set $row (local.get $end))
      (br_if $rows
        (i32.lt_u (local.tee $weights (i32.add (local.get $weights) (i32.const 4))) (local.get $last)))))

  ;; `length` sums to bytes.
  (func (export "clip") (param $sums i32) (param $out i32) (param $length i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $out) (local.get $length)))
    (loop $sixteen
      (v128.store (local.get $out)
        (call $clipped
          (v128.load (local.get $sums)) (v128.load offset=16 (local.get $sums))
          (v128.load offset=32 (local.get $sums)) (v128.load offset=48 (local.get $sums))))
      (local.set $sums (i32.add (local.get $sums) (i32.const 64)))
      (br_if $sixteen
        (i32.lt_u (local.tee $out (i32.add (local.get $out) (i32.const 16))) (local.get $end)))))

  ;; Sixteen sums without their fraction, as bytes from 0 to 255.
  (func $clipped (param $a v128) (param $b v128) (param $c v128) (param $d v128) (result v128)
    (i8x16.narrow_i16x8_u
      (i16x8.narrow_i32x4_s
        (i32x4.shr_s (local.get $a) (i32.const 22)) (i32x4.shr_s (local.get $b) (i32.const 22)))
      (i16x8.narrow_i32x4_s
        (i32x4.shr_s (local.get $c) (i32.const 22)) (i32x4.shr_s (local.get $d) (i32.const 22))))))

package sqlite

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"smart-factory-backend/app/factory"
)

// Sensors report decimals: 21.437 is 21437 thousandths, and the next value is
// close to it. So values are encoded as integers, in units of 10^-scale. One
// column has the differences between them. Another has the corrections: the
// distance from the decimal to the double, in units in the last place (ULP),
// which is nearly always zero. A value that is not a decimal has a large
// correction.
//
//	scale        1 byte, 0 to maxScale
//	order        1 byte: 1 for first differences, 2 for second differences
//	first        varint, the first integer
//	second       varint, the first difference; order 2 only, from 2 points on
//	residuals    column of n - order differences
//	corrections  column of n corrections
//
// valuesFloat32 is the same for values that come from a float32, as PLCs send
// them: the quotient is rounded to a float32, and the correction counts its
// ULPs.
const (
	maxScale = 15
	// maxWholeNumber is the limit of the integers; beyond 2^53 not every
	// integer is a double.
	maxWholeNumber = 1 << 53
	// maxDecimalULPs is the greatest distance from a decimal at which a double
	// counts as that decimal.
	maxDecimalULPs = 32
	// sampleSize is the number of values from which the scale is chosen.
	sampleSize = 48
)

var errCorruptDecimals = fmt.Errorf("chunk decimals: %w", ErrCorrupt)

var powersOfTen = [maxScale + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// decimal holds values as integers and corrections.
type decimal struct {
	isFloat32   bool
	scale       int
	whole       []int64
	corrections []int64
}

// decimalValue returns the double for an integer and a correction.
func decimalValue(whole, correction int64, power float64, single bool) float64 {
	v := float64(whole) / power
	if single {
		return float64(math.Float32frombits(math.Float32bits(float32(v)) + uint32(correction)))
	}
	if correction == 0 {
		return v
	}
	return math.Float64frombits(math.Float64bits(v) + uint64(correction))
}

// nearestDecimal returns the integer nearest to v in units of 1/power, and the
// correction. ok is false if v is too large for the scale.
func nearestDecimal(v, power float64, single bool) (whole, correction int64, ok bool) {
	scaled := math.RoundToEven(v * power)
	if !(math.Abs(scaled) < maxWholeNumber) {
		return 0, 0, false
	}
	whole = int64(scaled)
	return whole, decimalCorrection(v, whole, power, single), true
}

// decimalCorrection returns the correction with which decimalValue returns v.
func decimalCorrection(v float64, whole int64, power float64, single bool) int64 {
	base := float64(whole) / power
	if single {
		return int64(int32(math.Float32bits(float32(v)) - math.Float32bits(float32(base))))
	}
	return int64(math.Float64bits(v) - math.Float64bits(base))
}

// isFloat32 reports whether every value is exactly a float32 and at least one
// has too many digits for that to be a coincidence.
func isFloat32(points []factory.Point) bool {
	plain := true
	for _, p := range points {
		if math.Float64bits(float64(float32(p.Value))) != math.Float64bits(p.Value) {
			return false
		}
		plain = plain && math.Float64bits(p.Value)<<23 == 0 // at most 12 bits of mantissa
	}
	return !plain
}

// computeDecimals converts points to e.decimal and returns the differences to
// encode and their order.
func (e *chunkEncoder) computeDecimals(points []factory.Point) (residuals []int64, order int) {
	d := &e.decimal
	d.isFloat32 = isFloat32(points)
	d.scale = chooseScale(points, d.isFloat32)
	d.fill(points)
	e.first = differences(e.first[:0], d.whole)
	if len(e.first) < 2 {
		return e.first, 1
	}
	e.second = differences(e.second[:0], e.first)
	if columnBits(e.second) < columnBits(e.first[1:]) {
		return e.second, 2
	}
	return e.first, 1
}

// chooseScale returns the smallest scale at which nearly all of a sample of
// points are decimals.
func chooseScale(points []factory.Point, single bool) int {
	stride := (len(points) + sampleSize - 1) / sampleSize
	var atScale [maxScale + 1]int
	sampled := 0
	for i := 0; i < len(points); i += stride {
		sampled++
		if scale, ok := scaleOf(points[i].Value, single); ok {
			atScale[scale]++
		}
	}
	found := 0
	for scale, n := range atScale {
		if found += n; found*8 >= sampled*7 {
			return scale
		}
	}
	return 0
}

// scaleOf returns the smallest scale at which v is a decimal within
// maxDecimalULPs.
func scaleOf(v float64, single bool) (scale int, ok bool) {
	for scale, power := range powersOfTen {
		whole, correction, ok := nearestDecimal(v, power, single)
		if !ok {
			return 0, false
		}
		if correction == 0 {
			return scale, true
		}
		// Large integers are close to any value.
		if !single && max(whole, -whole) < 1<<46 && max(correction, -correction) <= maxDecimalULPs {
			return scale, true
		}
	}
	return 0, false
}

// fill converts points at the chosen scale.
func (d *decimal) fill(points []factory.Point) {
	d.whole, d.corrections = d.whole[:0], d.corrections[:0]
	power := powersOfTen[d.scale]
	last := int64(0)
	for i := range points {
		v := points[i].Value
		whole, correction, ok := nearestDecimal(v, power, d.isFloat32)
		if !ok || max(correction, -correction) > 1<<20 || correction == math.MinInt64 {
			// Not a decimal: encode the value by its correction alone.
			whole, correction = last, decimalCorrection(v, last, power, d.isFloat32)
		}
		d.whole, d.corrections = append(d.whole, whole), append(d.corrections, correction)
		last = whole
	}
}

func differences(out, values []int64) []int64 {
	for i := 1; i < len(values); i++ {
		out = append(out, values[i]-values[i-1])
	}
	return out
}

// columnBits estimates the size of a column in bits.
func columnBits(values []int64) (n int) {
	for _, v := range values {
		n += bits.Len64(zigzag(v))
	}
	return n
}

// appendDecimal appends the result of computeDecimals.
func (e *chunkEncoder) appendDecimal(out []byte, residuals []int64, order int, compact bool) []byte {
	d := &e.decimal
	form := byte(valuesDecimal)
	if d.isFloat32 {
		form = valuesFloat32
	}
	out = append(out, form, byte(d.scale), byte(order))
	out = binary.AppendVarint(out, d.whole[0])
	if order == 2 {
		out = binary.AppendVarint(out, e.first[0])
	}
	out = appendColumn(out, residuals, compact)
	return appendColumn(out, d.corrections, compact)
}

// decodeDecimal sets the values of points from data.
func (d *chunkDecoder) decodeDecimal(points []factory.Point, data []byte, single bool) error {
	if len(data) < 2 || data[0] > maxScale || data[1] < 1 || data[1] > 2 || int(data[1]) > len(points) {
		return errCorruptDecimals
	}
	power, order := powersOfTen[data[0]], int(data[1])
	whole, size := binary.Varint(data[2:])
	if size <= 0 {
		return errCorruptDecimals
	}
	data = data[2+size:]
	var step int64
	if order == 2 {
		if step, size = binary.Varint(data); size <= 0 {
			return errCorruptDecimals
		}
		data = data[size:]
	}
	residuals, data, err := d.readColumn(data, len(points)-order)
	if err != nil {
		return err
	}
	corrections, data, err := d.readColumn(data, len(points))
	if err != nil {
		return err
	}
	if len(data) > 0 {
		return errCorruptDecimals
	}
	setWholeValues(points, residuals, whole, step, order)
	if corrections == nil && !single {
		for i := range points {
			points[i].Value /= power
		}
		return nil
	}
	for i := range points {
		var correction int64
		if corrections != nil {
			correction = corrections[i]
		}
		points[i].Value = decimalValue(int64(points[i].Value), correction, power, single)
	}
	return nil
}

// setWholeValues sets the values of points to the integers that the residuals
// encode.
func setWholeValues(points []factory.Point, residuals []int64, whole, step int64, order int) {
	points[0].Value = float64(whole)
	for i := 1; i < len(points); i++ {
		residual := int64(0)
		if at := i - order; at >= 0 && residuals != nil {
			residual = residuals[at]
		}
		if order == 1 {
			step = residual
		} else {
			step += residual
		}
		whole += step
		points[i].Value = float64(whole)
	}
}

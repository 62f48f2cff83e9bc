package postgres

import (
	"encoding/binary"
	"math"

	"smart-factory-backend/app/factory"
)

// The minutes of a rollup are encoded as a byte for the format, followed by an
// entry for each minute that has readings, in order of time. All numbers are
// big-endian. An entry has three 4-byte integers (the times of the first and the
// last reading, in milliseconds since the start of the hour, and the number of
// readings), then seven doubles (minimum, maximum, sum, carry of the sum, first
// value, last value, increase).
const (
	minutesFormat = 1
	minuteBytes   = 3*4 + 7*8
)

// encodeMinutes encodes the minutes of the hour that begins at start.
func encodeMinutes(start int64, minutes []factory.Summary) []byte {
	data := make([]byte, 0, 1+len(minutes)*minuteBytes)
	data = append(data, minutesFormat)
	for i := range minutes {
		m := &minutes[i]
		for _, n := range []int64{m.First.ObservedAt - start, m.Last.ObservedAt - start, m.Count} {
			data = binary.BigEndian.AppendUint32(data, uint32(n))
		}
		for _, v := range []float64{m.Min, m.Max, m.Sum, m.Carry(), m.First.Value, m.Last.Value, m.Increase} {
			data = binary.BigEndian.AppendUint64(data, math.Float64bits(v))
		}
	}
	return data
}

// decodeMinutes decodes the minutes of the hour that begins at start. ok is false
// if encodeMinutes cannot have produced data.
func decodeMinutes(start int64, data []byte) (minutes []factory.Summary, ok bool) {
	if len(data) == 0 || data[0] != minutesFormat || (len(data)-1)%minuteBytes != 0 {
		return nil, false
	}
	minuteEnd := int64(-1) // of the previous entry
	for data = data[1:]; len(data) > 0; data = data[minuteBytes:] {
		number := func(i int) int64 { return int64(binary.BigEndian.Uint32(data[4*i:])) }
		value := func(i int) float64 { return math.Float64frombits(binary.BigEndian.Uint64(data[12+8*i:])) }
		first, last, count := number(0), number(1), number(2)
		if first <= minuteEnd || last < first || last >= hourMs || first/minuteMs != last/minuteMs || count < 1 || count > last-first+1 {
			return nil, false
		}
		minuteEnd = first/minuteMs*minuteMs + minuteMs - 1
		minutes = append(minutes, factory.Summary{
			Count: count, Min: value(0), Max: value(1), Sum: value(2),
			First:    factory.Point{ObservedAt: start + first, Value: value(4)},
			Last:     factory.Point{ObservedAt: start + last, Value: value(5)},
			Increase: value(6),
		}.WithCarry(value(3)))
	}
	return minutes, true
}

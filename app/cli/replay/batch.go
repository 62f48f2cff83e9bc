package replay

import (
	"encoding/json"
	"math"
	"strconv"
)

// batch is the body of one request under construction: a JSON array with one
// object per row, and where each of them came from.
type batch struct {
	// machine and metrics are JSON strings.
	machine []byte
	metrics [][]byte

	body   []byte
	lines  []int
	points int
	// rows counts the rows that are settled once the batch is acknowledged,
	// those without a reading included; bytes is how far into the file they
	// reach.
	rows    int64
	missing int
	bytes   int64
}

func newBatch(machine string, metrics []string) *batch {
	b := &batch{machine: jsonString(machine)}
	for _, metric := range metrics {
		b.metrics = append(b.metrics, jsonString(metric))
	}
	return b
}

// add appends row, observed at the time given and ending at the given byte.
func (b *batch) add(row Row, at, end int64) {
	b.rows++
	b.bytes = end
	points := b.points
	for i, v := range row.Values {
		if math.IsNaN(v) {
			b.missing++
			continue
		}
		if b.points == points {
			b.beginObject(row.Line, at)
		} else {
			b.body = append(b.body, ',')
		}
		b.body = append(b.body, b.metrics[i]...)
		b.body = append(b.body, ':')
		b.body = strconv.AppendFloat(b.body, v, 'g', -1, 64)
		b.points++
	}
	if b.points > points {
		b.body = append(b.body, "}}"...)
	}
}

// open begins the object of one row.
func (b *batch) beginObject(line int, at int64) {
	sep := byte('[')
	if len(b.lines) > 0 {
		sep = ','
	}
	b.lines = append(b.lines, line)
	b.body = append(b.body, sep)
	b.body = append(b.body, `{"machine":`...)
	b.body = append(b.body, b.machine...)
	b.body = append(b.body, `,"ts":`...)
	b.body = strconv.AppendInt(b.body, at, 10)
	b.body = append(b.body, `,"values":{`...)
}

// close ends the body; nothing may be added until reset.
func (b *batch) close() { b.body = append(b.body, ']') }

// reset empties the batch and keeps its buffers.
func (b *batch) reset() {
	b.body, b.lines = b.body[:0], b.lines[:0]
	b.points, b.rows, b.missing = 0, 0, 0
}

// line returns the line of the file from which the index-th object came, or 0.
func (b *batch) line(index int) int {
	if index < 0 || index >= len(b.lines) {
		return 0
	}
	return b.lines[index]
}

func jsonString(text string) []byte {
	quoted, _ := json.Marshal(text) // a string always has a JSON form
	return quoted
}

package replay

import (
	"encoding/json"
	"math"
	"strconv"
)

// batch builds the body of one request, a JSON array with one object per row,
// and remembers the line of the file that each object comes from.
type batch struct {
	// machine and metrics are encoded as JSON strings.
	machine []byte
	metrics [][]byte

	// target is the path to which the batch is posted.
	target string
	body   []byte
	lines  []int
	points int
	// rows counts the rows in the batch, including those without a reading.
	// bytes is the offset in the file at which the last of them ends.
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

// add appends row with the timestamp in Unix milliseconds. end is the offset in
// the file at which the row ends.
func (b *batch) add(row Row, timestamp, end int64) {
	b.rows++
	b.bytes = end
	if row.object != nil {
		b.addObject(row, timestamp)
		return
	}
	points := b.points
	for i, v := range row.Values {
		if math.IsNaN(v) && row.Texts[i] == "" {
			b.missing++
			continue
		}
		if b.points == points {
			b.beginObject(row.Line, timestamp)
		} else {
			b.body = append(b.body, ',')
		}
		b.body = append(b.body, b.metrics[i]...)
		b.body = append(b.body, ':')
		if row.Texts[i] != "" {
			b.body = append(b.body, jsonString(row.Texts[i])...)
		} else {
			b.body = strconv.AppendFloat(b.body, v, 'g', -1, 64)
		}
		b.points++
	}
	if b.points > points {
		b.body = append(b.body, "}}"...)
	}
}

func (b *batch) beginObject(line int, timestamp int64) {
	separator := byte('[')
	if len(b.lines) > 0 {
		separator = ','
	}
	b.lines = append(b.lines, line)
	b.body = append(b.body, separator)
	b.body = append(b.body, `{"machine":`...)
	b.body = append(b.body, b.machine...)
	b.body = append(b.body, `,"ts":`...)
	b.body = strconv.AppendInt(b.body, timestamp, 10)
	b.body = append(b.body, `,"values":{`...)
}

// close completes the body. Nothing may be added until reset.
func (b *batch) close() { b.body = append(b.body, ']') }

// reset empties the batch and keeps its buffers.
func (b *batch) reset() {
	b.body, b.lines = b.body[:0], b.lines[:0]
	b.points, b.rows, b.missing = 0, 0, 0
}

// line returns the line of the file that the index-th object comes from, or 0 if
// there is no such object.
func (b *batch) line(index int) int {
	if index < 0 || index >= len(b.lines) {
		return 0
	}
	return b.lines[index]
}

func jsonString(text string) []byte {
	quoted, _ := json.Marshal(text) // never fails for a string
	return quoted
}

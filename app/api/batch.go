package api

import (
	"strconv"
	"strings"
	"sync"

	"smart-factory-backend/app/factory"
)

// batch is what one body holds: the readings to store and what was refused.
type batch struct {
	// readings are good until release; their strings lie in the body.
	readings []factory.Reading
	// places has, for each reading, the index of the object that it came in.
	places []int32
	// lines says that places are numbers of lines, and not indices.
	lines bool
	// origins, where there are any, are what places are indices of.
	origins []origin
	// many says that the body was a list of objects, so that pointers begin
	// with an index.
	many     bool
	rejected int
	// skipped counts values that are text, which nobody asked us to keep.
	skipped int
	errs    []fieldError
	// seen finds repeated names in large objects.
	seen map[string]int
	// names holds metrics' names that stand nowhere in the body.
	names []byte
}

// The largest batch whose memory is kept for the next.
const (
	keptReadings = 20_000
	keptNames    = 1 << 20
)

var batches = sync.Pool{New: func() any { return &batch{seen: map[string]int{}} }}

func acquireBatch() *batch { return batches.Get().(*batch) }

func (b *batch) release() {
	if cap(b.readings) > keptReadings || cap(b.names) > keptNames {
		return
	}
	clear(b.readings) // lets go of the body
	clear(b.origins)
	clear(b.seen)
	b.reset()
	b.errs = nil // an answer that is yet to be written may hold them
	batches.Put(b)
}

func (b *batch) reset() {
	b.readings, b.places, b.errs, b.names = b.readings[:0], b.places[:0], b.errs[:0], b.names[:0]
	b.origins = b.origins[:0]
	b.many, b.lines, b.rejected, b.skipped = false, false, 0, 0
}

// reject counts one point as refused.
func (b *batch) reject(pointer, detail string) {
	b.rejected++
	if len(b.errs) < maxErrors {
		b.errs = append(b.errs, fieldError{Pointer: pointer, Detail: detail})
	}
}

// pointer returns the place of readings[i] in the body.
func (b *batch) pointer(i int) string {
	switch {
	case b.lines:
		return b.line(int(b.places[i]))
	case len(b.origins) > 0:
		return b.origins[b.places[i]].pointer() + "/" + escapePointer(b.readings[i].Metric)
	}
	return b.object(b.places[i]) + "/values/" + escapePointer(b.readings[i].Metric)
}

// line is the place of a line.
func (b *batch) line(number int) string { return influxLine + strconv.Itoa(number) }

// object returns the place of an object in the body; "" is the whole of it.
func (b *batch) object(index int32) string {
	if !b.many {
		return ""
	}
	return "/" + strconv.Itoa(int(index))
}

// escapePointer makes a token of a JSON pointer (RFC 6901, section 3), short
// enough to be repeated in an answer.
func escapePointer(s string) string {
	s = clip(strings.ToValidUTF8(s, "\uFFFD"))
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}

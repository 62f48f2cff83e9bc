package httpapi

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
	// many says that the body was a list of objects, so that pointers begin
	// with an index.
	many     bool
	rejected int
	errs     []fieldError
	// seen finds repeated names in large objects.
	seen map[string]int
}

// keptReadings is the largest batch whose memory is kept for the next.
const keptReadings = 20_000

var batches = sync.Pool{New: func() any { return &batch{seen: map[string]int{}} }}

func acquireBatch() *batch { return batches.Get().(*batch) }

func (b *batch) release() {
	if cap(b.readings) > keptReadings || len(b.errs) > maxErrors {
		return
	}
	clear(b.readings) // lets go of the body
	clear(b.seen)
	b.reset()
	batches.Put(b)
}

func (b *batch) reset() {
	b.readings, b.places, b.errs = b.readings[:0], b.places[:0], b.errs[:0]
	b.many, b.rejected = false, 0
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
	return b.object(b.places[i]) + "/values/" + escapePointer(b.readings[i].Metric)
}

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

package ingest

import (
	"fmt"
	"sync"

	"smart-factory-backend/app/factory"
)

// MaxErrors is the most rejected points that a batch describes. It counts all of
// them.
const MaxErrors = 100

// Repeated is the detail of a name that appears more than once where it may
// appear only once.
const Repeated = "appears more than once"

// Batch collects what a decoder finds in one body.
type Batch struct {
	// Readings are to be stored. Their strings may lie in the body, so both are
	// valid only until Release.
	Readings []factory.Reading
	// Rejected counts the points that break a rule; Errors describes the first
	// MaxErrors of them.
	Rejected int
	Errors   []Error
	// Skipped counts values that are ignored, such as nested JSON.
	Skipped int

	now       int64
	maxPoints int

	// places lists the objects or lines that readings came from, and placeOf the
	// index in it for each reading. place is the current one; it is listed once a
	// reading is added.
	places  []Place
	placeOf []int32
	place   Place
	listed  bool

	counts map[string]int // scratch memory of hasRepeatedMetric
	texts  []string       // the texts of readings
}

// maxPooledReadings is the capacity beyond which a batch is not returned to the pool.
const maxPooledReadings = 64_000

var batchPool = sync.Pool{New: func() any { return &Batch{counts: map[string]int{}} }}

// NewBatch returns an empty batch that takes at most maxPoints points, rejected
// ones included. now is the receiver's clock in Unix milliseconds; it dates
// readings without a timestamp and limits how far the others may be ahead. The
// caller calls Release when it needs the batch no more.
func NewBatch(now int64, maxPoints int) *Batch {
	b := batchPool.Get().(*Batch)
	b.now, b.maxPoints = now, maxPoints
	return b
}

// Release returns the batch's memory to a pool. The batch, its readings and its
// errors must not be used afterwards.
func (b *Batch) Release() {
	if cap(b.Readings) > maxPooledReadings {
		return
	}
	b.Reset()
	batchPool.Put(b)
}

// Reset empties the batch and keeps its clock and limit.
func (b *Batch) Reset() {
	clear(b.Readings) // these hold references to the body
	clear(b.places)
	clear(b.counts)
	clear(b.Errors)
	clear(b.texts)
	*b = Batch{
		Readings: b.Readings[:0], Errors: b.Errors[:0], now: b.now, maxPoints: b.maxPoints,
		places: b.places[:0], placeOf: b.placeOf[:0], counts: b.counts, texts: b.texts[:0],
	}
}

// Now returns the receiver's clock in Unix milliseconds.
func (b *Batch) Now() int64 { return b.now }

// MaxPoints returns the most points that the batch takes.
func (b *Batch) MaxPoints() int { return b.maxPoints }

// SetPlace sets the place of the readings that are added next.
func (b *Batch) SetPlace(p Place) { b.place, b.listed = p, false }

// Add appends a reading at the current place. It returns a TooLarge error if the
// batch is full. Complete or factory.ValidateReading has to check the reading
// later.
func (b *Batch) Add(r factory.Reading) error {
	if err := b.CheckRoom(); err != nil {
		return err
	}
	if !b.listed {
		b.places, b.listed = append(b.places, b.place), true
	}
	b.Readings = append(b.Readings, r)
	b.placeOf = append(b.placeOf, int32(len(b.places)-1))
	return nil
}

// AddText adds a reading of a text; see Add.
func (b *Batch) AddText(r factory.Reading, text string) error {
	b.texts = append(b.texts, text)
	r.Text = &b.texts[len(b.texts)-1]
	return b.Add(r)
}

// CheckRoom returns a TooLarge error if the batch is full.
func (b *Batch) CheckRoom() error {
	if len(b.Readings)+b.Rejected >= b.maxPoints {
		return TooManyPoints(b.maxPoints)
	}
	return nil
}

// Reject counts one rejected point. It returns a TooLarge error if the batch was
// full.
func (b *Batch) Reject(pointer, detail string) error {
	b.reject(pointer, detail)
	if len(b.Readings)+b.Rejected > b.maxPoints {
		return TooManyPoints(b.maxPoints)
	}
	return nil
}

func (b *Batch) reject(pointer, detail string) {
	b.Rejected++
	if len(b.Errors) < MaxErrors {
		b.Errors = append(b.Errors, Error{Pointer: pointer, Detail: detail, Kind: Invalid})
	}
}

// RejectReading counts Readings[i] as rejected because of err, a domain error.
// The reading stays in the batch: the caller has stored the others already.
func (b *Batch) RejectReading(i int, err error) { b.reject(b.Pointer(i), DetailOf(err)) }

// Truncate removes the readings from index n on.
func (b *Batch) Truncate(n int) { b.Readings, b.placeOf = b.Readings[:n], b.placeOf[:n] }

// Mark is a state of a batch to which Rollback returns.
type Mark struct{ readings, rejected, errors, skipped int }

// Mark returns the present state.
func (b *Batch) Mark() Mark { return Mark{len(b.Readings), b.Rejected, len(b.Errors), b.Skipped} }

// Rollback undoes all additions and rejections since m was taken.
func (b *Batch) Rollback(m Mark) {
	b.Truncate(m.readings)
	b.Rejected, b.Errors, b.Skipped = m.rejected, b.Errors[:m.errors], m.skipped
}

// CheckObject returns why an object with this machine and time is rejected, and which
// of the two is at fault: "machine" or "ts". Both are "" if it is valid.
func (b *Batch) CheckObject(machine string, observedAt int64) (fault, detail string) {
	if err := factory.ValidateName(factory.KindMachine, machine); err != nil {
		return "machine", DetailOf(err)
	}
	if err := factory.ValidateObservedAt(observedAt, b.now); err != nil {
		return "ts", DetailOf(err)
	}
	return "", ""
}

// RejectObject rejects the readings from index first on for one reason. It counts at
// least one point. It returns a TooLarge error as Reject does.
func (b *Batch) RejectObject(first int, pointer, detail string) error {
	b.Rejected += max(0, len(b.Readings)-first-1)
	b.Truncate(first)
	return b.Reject(pointer, detail)
}

// Complete sets machine and time of the readings from index first on, which came
// from one object, and rejects those that are invalid or name a metric twice. A caller
// that can say which member of the object is at fault calls CheckObject first.
func (b *Batch) Complete(first int, machine string, observedAt int64) {
	if _, detail := b.CheckObject(machine, observedAt); detail != "" {
		for i := first; i < len(b.Readings); i++ {
			b.reject(b.Pointer(i), detail)
		}
		b.Truncate(first)
		return
	}
	repeated := b.hasRepeatedMetric(first)
	valid := first
	for i := first; i < len(b.Readings); i++ {
		r := &b.Readings[i]
		r.Machine, r.ObservedAt = machine, observedAt
		if repeated && b.counts[r.Metric] > 1 {
			b.reject(b.Pointer(i), Repeated)
			continue
		}
		if err := validateValue(r); err != nil {
			b.RejectReading(i, err)
			continue
		}
		b.Readings[valid], b.placeOf[valid] = *r, b.placeOf[i]
		valid++
	}
	b.Truncate(valid)
}

// validateValue checks the metric and the value of a reading.
func validateValue(r *factory.Reading) error {
	if err := factory.ValidateName(factory.KindMetric, r.Metric); err != nil {
		return err
	}
	if r.Text != nil {
		return factory.ValidateText(*r.Text)
	}
	return factory.ValidateValue(r.Value)
}

// maxPairwise is the number of names up to which comparing each pair is faster
// than a map.
const maxPairwise = 12

// hasRepeatedMetric reports whether two readings from index first on have the
// same metric. If so, counts holds how often each metric occurs.
func (b *Batch) hasRepeatedMetric(first int) bool {
	readings := b.Readings[first:]
	if len(readings) <= maxPairwise {
		repeated := false
		for i := range readings {
			for j := range i {
				repeated = repeated || readings[i].Metric == readings[j].Metric
			}
		}
		if !repeated {
			return false
		}
	}
	clear(b.counts)
	for i := range readings {
		b.counts[readings[i].Metric]++
	}
	return len(b.counts) < len(readings)
}

// TooManyPoints returns the error of a body with more than limit points.
func TooManyPoints(limit int) *Error {
	return &Error{Kind: TooLarge, Detail: fmt.Sprintf("the body holds more than %d points; nothing was stored", limit)}
}

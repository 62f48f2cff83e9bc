package ingest

import (
	"strconv"

	"smart-factory-backend/app/ingest/jsonscan"
)

// LinePrefix begins the Pointer of an Error in a format of lines; the line number
// follows, counted from 1.
const LinePrefix = "line "

// Place locates an object or a line in a body.
type Place struct {
	// Key is the member of the body that holds the object, "" for none.
	Key string
	// Line is the number of the line in line protocol, 0 in JSON.
	Line int32
	// Index is the index of the object in an array, or of its line in NDJSON; -1
	// for none.
	Index int32
	// Values says that the metrics are in a member "values" of the object.
	Values bool
	// Suffix is how many bytes at the end of each metric are not part of the body.
	Suffix uint8
}

// Pointer returns the place as an Error names it; "" is the whole body.
func (p Place) Pointer() string {
	if p.Line > 0 {
		return LinePrefix + strconv.Itoa(int(p.Line))
	}
	pointer := ""
	if p.Key != "" {
		pointer = "/" + jsonscan.EscapePointer(p.Key)
	}
	if p.Index >= 0 {
		pointer += "/" + strconv.Itoa(int(p.Index))
	}
	if p.Values {
		pointer += "/values"
	}
	return pointer
}

// Pointer returns the place of Readings[i] as an Error names it: the line, or the
// member that holds its value.
func (b *Batch) Pointer(i int) string {
	p := b.places[b.placeOf[i]]
	if p.Line > 0 {
		return p.Pointer()
	}
	metric := b.Readings[i].Metric
	return p.Pointer() + "/" + jsonscan.EscapePointer(metric[:len(metric)-int(p.Suffix)])
}

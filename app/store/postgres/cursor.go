package postgres

import (
	"encoding/binary"

	"smart-factory-backend/app/store"
)

// key names a series.
type key struct{ machine, metric string }

// position is where a page ended: the series or the machine of its last item,
// and the time of that item if the page has points or buckets.
type position struct {
	key
	at int64
}

// The kinds of cursor. All replicas accept each other's cursors.
var (
	latestCursor  = store.CursorKind{Tag: 'l', Checksum: binary.BigEndian}
	historyCursor = store.CursorKind{Tag: 'h', Checksum: binary.BigEndian}
	bucketCursor  = store.CursorKind{Tag: 'b', Checksum: binary.BigEndian}
	machineCursor = store.CursorKind{Tag: 'm', Checksum: binary.BigEndian}
)

// encodeCursor returns the cursor that continues after p.
func encodeCursor(kind store.CursorKind, p position) string {
	return kind.Encode(store.Position{Machine: p.machine, Metric: p.metric, At: p.at})
}

// decodeCursor is the inverse of encodeCursor; see store.CursorKind.Decode.
func decodeCursor(kind store.CursorKind, cursor string) (position, error) {
	p, err := kind.Decode(cursor)
	return position{key{p.Machine, p.Metric}, p.At}, err
}

// decodeCursorFor decodes the cursor of a query of one machine; see
// store.CursorKind.DecodeFor.
func decodeCursorFor(kind store.CursorKind, cursor, machine string) (after position, ok bool, err error) {
	p, ok, err := kind.DecodeFor(machine, cursor)
	return position{key{p.Machine, p.Metric}, p.At}, ok, err
}

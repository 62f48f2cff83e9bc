package postgres

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"smart-factory-backend/app/factory"
)

// key names a series.
type key struct{ machine, metric string }

// position is where a page ended: the series or the machine of its last entry,
// and the time of that entry where the page is one of points or buckets. Any
// replica understands the cursor that another one has made of it.
type position struct {
	key
	at int64
}

// Kinds of cursor. A cursor continues only the kind of query that made it.
const (
	latestCursor  = 'l'
	historyCursor = 'h'
	bucketCursor  = 'b'
	machineCursor = 'm'
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeCursor makes the cursor that continues after p: kind, time (varint),
// length of the machine (uvarint), machine, metric, CRC-32C of all that, in
// URL-safe base64.
func encodeCursor(kind byte, p position) string {
	raw := append(make([]byte, 0, 32+len(p.machine)+len(p.metric)), kind)
	raw = binary.AppendVarint(raw, p.at)
	raw = binary.AppendUvarint(raw, uint64(len(p.machine)))
	raw = append(append(raw, p.machine...), p.metric...)
	raw = binary.BigEndian.AppendUint32(raw, crc32.Checksum(raw, castagnoli))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// maxCursorBytes is more than any cursor has.
const maxCursorBytes = 2 * (2*factory.MaxNameBytes + 32)

// decodeCursor reads a cursor of the given kind. Anything that encodeCursor
// has not made is ErrInvalid.
func decodeCursor(kind byte, cursor string) (position, error) {
	bad := fmt.Errorf("cursor is not one that a former page gave: %w", factory.ErrInvalid)
	if len(cursor) > maxCursorBytes || strings.ContainsAny(cursor, "\r\n") {
		return position{}, bad
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	const sumBytes = crc32.Size
	if err != nil || len(raw) < 3+sumBytes {
		return position{}, bad
	}
	body, sum := raw[:len(raw)-sumBytes], binary.BigEndian.Uint32(raw[len(raw)-sumBytes:])
	if body[0] != kind || crc32.Checksum(body, castagnoli) != sum {
		return position{}, bad
	}
	at, n := binary.Varint(body[1:])
	if n <= 0 {
		return position{}, bad
	}
	names := body[1+n:]
	length, n := binary.Uvarint(names)
	if n <= 0 || length > uint64(len(names)-n) {
		return position{}, bad
	}
	names = names[n:]
	return position{key{string(names[:length]), string(names[length:])}, at}, nil
}

// continued reads the cursor of a query of one machine. ok is false where the
// query starts.
func continued(kind byte, cursor, machine string) (after position, ok bool, err error) {
	if cursor == "" {
		return position{}, false, nil
	}
	after, err = decodeCursor(kind, cursor)
	if err == nil && after.machine != machine {
		err = fmt.Errorf("cursor belongs to machine %q, not %q: %w", after.machine, machine, factory.ErrInvalid)
	}
	return after, err == nil, err
}

package sqlite

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"smart-factory-backend/app/factory"
)

// position is where a page ended: the series of its last point, and the time
// of that point where the page is one of history, or the start of its last
// bucket.
type position struct {
	key
	at int64
}

// Kinds of cursor. A cursor continues only the kind of query that made it.
const (
	latestCursor   = 'L'
	historyCursor  = 'H'
	bucketsCursor  = 'B'
	machinesCursor = 'M'
)

// encodeCursor makes the cursor that continues after p. It is
// kind, at (varint), length of the machine (uvarint), machine, metric, CRC-32C (4 bytes)
// in URL-safe base64.
func encodeCursor(kind byte, p position) string {
	raw := make([]byte, 0, 32+len(p.machine)+len(p.metric))
	raw = append(raw, kind)
	raw = binary.AppendVarint(raw, p.at)
	raw = binary.AppendUvarint(raw, uint64(len(p.machine)))
	raw = append(raw, p.machine...)
	raw = append(raw, p.metric...)
	raw = binary.LittleEndian.AppendUint32(raw, crc32.Checksum(raw, castagnoli))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// maxCursorBytes is more than any cursor has.
const maxCursorBytes = 2 * (2*factory.MaxNameBytes + 32)

// decodeCursor reads a cursor of the given kind. Anything that encodeCursor
// has not made is ErrInvalid.
func decodeCursor(kind byte, cursor string) (position, error) {
	bad := fmt.Errorf("cursor is not one that a former page gave: %w", factory.ErrInvalid)
	if len(cursor) > maxCursorBytes {
		return position{}, bad
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || strings.ContainsAny(cursor, "\r\n") || len(raw) < 1+1+1+checksumBytes {
		return position{}, bad
	}
	body, sum := raw[:len(raw)-checksumBytes], raw[len(raw)-checksumBytes:]
	if body[0] != kind || crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(sum) {
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
	machine, metric := names[n:][:length], names[n:][length:]
	p := position{key: key{string(machine), string(metric)}, at: at}
	return p, nil
}

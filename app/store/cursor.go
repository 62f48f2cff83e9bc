package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"smart-factory-backend/app/factory"
)

// CursorKind identifies the kind of query that a cursor continues, and its
// engine. The byte orders differ for historical reasons: a cursor must remain
// valid while a client pages across an upgrade.
type CursorKind struct {
	Tag byte
	// Checksum is the byte order of the checksum.
	Checksum interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
}

// Position is the last item of a page: its series or machine, and its time for
// points and buckets.
type Position struct {
	Key
	At int64
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode returns the cursor that continues after p, in URL-safe base64 without
// padding:
//
//	tag, At (varint), length of Machine (uvarint), Machine, Metric, CRC-32C (4 bytes)
func (k CursorKind) Encode(p Position) string {
	raw := make([]byte, 0, 32+len(p.Machine)+len(p.Metric))
	raw = append(raw, k.Tag)
	raw = binary.AppendVarint(raw, p.At)
	raw = binary.AppendUvarint(raw, uint64(len(p.Machine)))
	raw = append(raw, p.Machine...)
	raw = append(raw, p.Metric...)
	raw = k.Checksum.AppendUint32(raw, crc32.Checksum(raw, castagnoli))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// maxCursorBytes exceeds the length of any cursor.
const maxCursorBytes = 2 * (factory.MaxNameBytes + factory.MaxMetricBytes + 32)

// Decode is the inverse of Encode. It returns ErrInvalid for any other input,
// including cursors of other kinds.
func (k CursorKind) Decode(cursor string) (Position, error) {
	invalid := fmt.Errorf("cursor was not returned by a previous page: %w", factory.ErrInvalid)
	if len(cursor) > maxCursorBytes || strings.ContainsAny(cursor, "\r\n") {
		return Position{}, invalid
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < 3+crc32.Size {
		return Position{}, invalid
	}
	body, sum := raw[:len(raw)-crc32.Size], raw[len(raw)-crc32.Size:]
	if body[0] != k.Tag || crc32.Checksum(body, castagnoli) != k.Checksum.Uint32(sum) {
		return Position{}, invalid
	}
	at, n := binary.Varint(body[1:])
	if n <= 0 {
		return Position{}, invalid
	}
	names := body[1+n:]
	length, n := binary.Uvarint(names)
	if n <= 0 || length > uint64(len(names)-n) {
		return Position{}, invalid
	}
	names = names[n:]
	return Position{Key{string(names[:length]), string(names[length:])}, at}, nil
}

// After is Decode, except that an empty cursor is the position before all items.
func (k CursorKind) After(cursor string) (Position, error) {
	if cursor == "" {
		return Position{}, nil
	}
	return k.Decode(cursor)
}

// DecodeFor is Decode for a query of one machine, whose cursor must belong to
// that machine. It returns nil if cursor is empty, which means the first page.
func (k CursorKind) DecodeFor(machine, cursor string) (*Position, error) {
	if cursor == "" {
		return nil, nil
	}
	p, err := k.Decode(cursor)
	if err != nil {
		return nil, err
	}
	if p.Machine != machine {
		return nil, fmt.Errorf("cursor belongs to machine %q, not %q: %w", p.Machine, machine, factory.ErrInvalid)
	}
	return &p, nil
}

// EncodeEventCursor returns the cursor that continues after an event.
func EncodeEventCursor(k CursorKind, e factory.Event) string {
	return k.Encode(Position{Key: Key{Machine: strconv.FormatInt(e.Seq, 10)}, At: e.ObservedAt})
}

// DecodeEventCursor is the inverse of EncodeEventCursor. Only ObservedAt and Seq of the
// event are set. It returns nil if cursor is empty, which means the first page.
func DecodeEventCursor(k CursorKind, cursor string) (*factory.Event, error) {
	if cursor == "" {
		return nil, nil
	}
	p, err := k.Decode(cursor)
	if err != nil {
		return nil, err
	}
	seq, err := strconv.ParseInt(p.Machine, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("cursor was not returned by a previous page: %w", factory.ErrInvalid)
	}
	return &factory.Event{ObservedAt: p.At, Seq: seq}, nil
}

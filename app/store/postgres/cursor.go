package postgres

import (
	"encoding/binary"

	"smart-factory-backend/app/store"
)

// The kinds of cursor. All replicas accept each other's cursors.
var (
	latestCursor  = store.CursorKind{Tag: 'l', Checksum: binary.BigEndian}
	historyCursor = store.CursorKind{Tag: 'h', Checksum: binary.BigEndian}
	bucketCursor  = store.CursorKind{Tag: 'b', Checksum: binary.BigEndian}
	machineCursor = store.CursorKind{Tag: 'm', Checksum: binary.BigEndian}

	documentCursor = store.CursorKind{Tag: 'd', Checksum: binary.BigEndian}
	eventCursor    = store.CursorKind{Tag: 'e', Checksum: binary.BigEndian}
)

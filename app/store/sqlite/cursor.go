package sqlite

import (
	"encoding/binary"

	"smart-factory-backend/app/store"
)

// The kinds of cursor.
var (
	latestCursor   = store.CursorKind{Tag: 'L', Checksum: binary.LittleEndian}
	historyCursor  = store.CursorKind{Tag: 'H', Checksum: binary.LittleEndian}
	bucketsCursor  = store.CursorKind{Tag: 'B', Checksum: binary.LittleEndian}
	machinesCursor = store.CursorKind{Tag: 'M', Checksum: binary.LittleEndian}
	documentCursor = store.CursorKind{Tag: 'D', Checksum: binary.LittleEndian}
	eventCursor    = store.CursorKind{Tag: 'E', Checksum: binary.LittleEndian}
)

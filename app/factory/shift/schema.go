package shift

import _ "embed" // the schemas

// Schema is the JSON Schema of a shift document, CalendarSchema that of a calendar
// document.
var (
	//go:embed shift.schema.json
	Schema []byte
	//go:embed calendar.schema.json
	CalendarSchema []byte
)

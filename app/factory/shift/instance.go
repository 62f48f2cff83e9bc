package shift

import "smart-factory-backend/app/factory"

// Instance is one concrete shift.
type Instance struct {
	// Shift is the id of the shift document.
	Shift string
	// Day is the calendar day on which the shift begins, as YYYY-MM-DD.
	Day string
	// From is inclusive, To exclusive.
	From, To int64
	// Breaks lie within the instance, in order, without overlap. A break that falls
	// into the hour that a zone skips in spring is empty or shorter.
	Breaks []factory.Span
}

package factory

// Span is a stretch of time in Unix milliseconds. From is inclusive, To exclusive.
type Span struct{ From, To int64 }
